//! Words, numbers and texts as bytes, little-endian, every bit kept.

use crate::error::StateError;
use crate::target::Tally;

/// Appends.
pub struct Writer(pub Vec<u8>);

impl Writer {
    pub fn word(&mut self, word: u64) {
        self.0.extend(word.to_le_bytes());
    }

    pub fn tally(&mut self, tally: &Tally) {
        for word in [tally.lanes, tally.gradients, tally.failed, tally.reasons.len() as u64] {
            self.word(word);
        }
        for (reason, count) in &tally.reasons {
            self.text(reason);
            self.word(*count);
        }
    }

    pub fn text(&mut self, text: &str) {
        self.word(text.len() as u64);
        self.0.extend(text.as_bytes());
    }

    pub fn numbers(&mut self, numbers: &[f64]) {
        self.word(numbers.len() as u64);
        for x in numbers {
            self.word(x.to_bits());
        }
    }
}

/// Reads what a [`Writer`] wrote, and refuses everything else.
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes, at: 0 }
    }

    /// What there is to say of the bytes here.
    pub fn corrupt(&self) -> StateError {
        StateError::Corrupt { at: self.at }
    }

    /// Nothing may follow.
    pub fn end(&self) -> Result<(), StateError> {
        if self.at == self.bytes.len() { Ok(()) } else { Err(self.corrupt()) }
    }

    pub fn tally(&mut self) -> Result<Tally, StateError> {
        let [lanes, gradients, failed, reasons] = self.words()?;
        let mut tally = Tally { lanes, gradients, failed, reasons: Vec::new() };
        for _ in 0..reasons {
            tally.reasons.push((self.text()?, self.word()?));
        }
        Ok(tally)
    }

    pub fn words<const N: usize>(&mut self) -> Result<[u64; N], StateError> {
        let mut words = [0; N];
        for word in &mut words {
            *word = self.word()?;
        }
        Ok(words)
    }

    pub fn take(&mut self, n: usize) -> Result<&[u8], StateError> {
        let end = self.at.checked_add(n).filter(|&end| end <= self.bytes.len());
        let Some(end) = end else { return Err(self.corrupt()) };
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    pub fn word(&mut self) -> Result<u64, StateError> {
        let at = self.at;
        let bytes = self.take(8)?.try_into().map_err(|_| StateError::Corrupt { at })?;
        Ok(u64::from_le_bytes(bytes))
    }

    pub fn text(&mut self) -> Result<String, StateError> {
        let at = self.at;
        let length = self.word()? as usize;
        let bytes = self.take(length)?.to_vec();
        String::from_utf8(bytes).map_err(|_| StateError::Corrupt { at })
    }

    pub fn numbers(&mut self) -> Result<Vec<f64>, StateError> {
        let at = self.at;
        let length = self.word()? as usize;
        // checked before allocating: a hostile length must not reserve memory
        let bytes = length.checked_mul(8).ok_or(StateError::Corrupt { at })?;
        let bytes = self.take(bytes)?;
        let word = |chunk: &[u8]| u64::from_le_bytes(chunk.try_into().unwrap_or_default());
        Ok(bytes.chunks_exact(8).map(|chunk| f64::from_bits(word(chunk))).collect())
    }

    pub fn array<const N: usize>(&mut self) -> Result<[f64; N], StateError> {
        let at = self.at;
        self.numbers()?.try_into().map_err(|_| StateError::Corrupt { at })
    }
}
