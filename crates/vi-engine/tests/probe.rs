// scratch probe
use numerics::lanes::Lanes;
use vi_engine::*;
struct F<G>{names:Vec<String>, g:G, n:usize}
impl<G: FnMut(&[f64],&mut [f64])->f64> LogDensity for F<G>{
  fn dim(&self)->usize{self.names.len()}
  fn names(&self)->&[String]{&self.names}
  fn eval(&mut self,z:&Lanes,value:&mut [f64],mut grad:Option<&mut Lanes>,f:&mut Vec<LaneFailure>){
    self.n+=value.len().div_ceil(8);
    for (l,v) in value.iter_mut().enumerate(){ let mut g=vec![0.0;self.names.len()]; *v=(self.g)(&z.lane(l),&mut g);
      if v.is_nan(){*v=f64::NEG_INFINITY;f.push(LaneFailure{lane:l,reason:"x".into()});g.fill(0.0);}
      if let Some(gr)=grad.as_deref_mut(){gr.set_lane(l,&g);} }
  }
}
fn f<G: FnMut(&[f64],&mut [f64])->f64>(n:usize,g:G)->F<G>{F{names:(0..n).map(|i|format!("z{i}")).collect(),g,n:0}}
fn schools(z:&[f64],g:&mut [f64])->f64{
  let y=[28.,8.,-3.,7.,-1.,1.,18.,12.]; let s=[15.,10.,16.,11.,9.,11.,10.,18.];
  let mu=z[8]; let lt=z[9]; let tau=lt.exp();
  let mut v=-0.5*mu*mu/25.0; g[8]=-mu/25.0;
  v+= -(1.0+tau*tau/25.0).ln()+lt; g[9]=1.0-2.0*tau*tau/25.0/(1.0+tau*tau/25.0);
  v+= (2.0/(std::f64::consts::PI*5.0)).ln() - (5.0f64).ln()-0.918938533204672742;
  for i in 0..8{ v-=0.5*z[i]*z[i]+0.918938533204672742; g[i]=-z[i];
    let r=(y[i]-mu-tau*z[i])/s[i]; v-=0.5*r*r+(s[i] as f64).ln()+0.918938533204672742; let q=r/s[i];
    g[8]+=q; g[i]+=q*tau; g[9]+=q*tau*z[i]; }
  v}
fn show(name:&str, d:&mut dyn LogDensity, o:&Options){
  let t=std::time::Instant::now();
  let r=fit(d,o,&mut Silent);
  match r{ Ok(f)=>{ println!("{name} seed {} {:?} steps {} conv {} phases {} k {:.3} kq {:.3} ess {:.0} elbo {:.4} ({:.4}) start elbo {:.3} desc {} ev {} agreed {} lanes {} t {:?}",o.seed,f.verdict,f.state.step,f.state.converged,f.state.phase,f.k_hat,f.k_hat_q,f.ess,f.elbo,f.elbo_mcse,f.state.start.elbo,f.state.start.descents,f.state.start.evaluations,f.state.start.agreed,f.tally.lanes,t.elapsed());
     if o.seed==1 { for r in &f.reasons{println!("   {r}");} } }
   Err(e)=>println!("{name} {e}")}
}
fn seeds()->u64{ std::env::var("SEEDS").ok().and_then(|s|s.parse().ok()).unwrap_or(5) }
#[test] fn probe(){
  for seed in 1..=seeds(){
    let o=Options{seed,objective:if std::env::var("FD").is_ok(){Objective::FixedDraws}else{Objective::Stochastic},..Options::default()};
    show("schools",&mut f(10,schools),&o);
  }
  for seed in 1..=seeds(){
    let o=Options{seed,objective:if std::env::var("FD").is_ok(){Objective::FixedDraws}else{Objective::Stochastic},..Options::default()};
    show("funnel10",&mut f(10,|z,g|{ let y=z[0]; let mut v=-y*y/18.0; g[0]=-y/9.0; for i in 1..10{ v-=0.5*z[i]*z[i]*(-y).exp()+0.5*y; g[i]=-z[i]*(-y).exp(); g[0]+=0.5*z[i]*z[i]*(-y).exp()-0.5;} v}),&o);
  }
  for seed in 1..=seeds(){
    let o=Options{seed,objective:if std::env::var("FD").is_ok(){Objective::FixedDraws}else{Objective::Stochastic},..Options::default()};
    show("funnel2",&mut f(2,|z,g|{ let y=z[0]; let mut v=-y*y/18.0; g[0]=-y/9.0; for i in 1..2{ v-=0.5*z[i]*z[i]*(-y).exp()+0.5*y; g[i]=-z[i]*(-y).exp(); g[0]+=0.5*z[i]*z[i]*(-y).exp()-0.5;} v}),&o);
  }
  for seed in 1..=seeds(){
    let o=Options{seed,objective:if std::env::var("FD").is_ok(){Objective::FixedDraws}else{Objective::Stochastic},..Options::default()};
    show("conj",&mut f(1,|z,g|{ g[0]=-z[0]+4.0*(10.0-z[0]); -0.5*z[0]*z[0]-2.0*(10.0-z[0]).powi(2)}),&o);
  }
  for seed in 1..=seeds(){ // gamma-like: exp(a u - b e^u): log of Gamma(2)
    let o=Options{seed,objective:if std::env::var("FD").is_ok(){Objective::FixedDraws}else{Objective::Stochastic},..Options::default()};
    show("loggamma2",&mut f(2,|z,g|{ let mut v=0.0; for i in 0..2{ g[i]=2.0-z[i].exp(); v+=2.0*z[i]-z[i].exp();} v}),&o);
  }
  for seed in 1..=seeds(){ 
    let o=Options{seed,objective:if std::env::var("FD").is_ok(){Objective::FixedDraws}else{Objective::Stochastic},..Options::default()};
    show("t5",&mut f(3,|z,g|{ let q:f64=z.iter().map(|x|x*x).sum(); for i in 0..3{g[i]=-8.0*z[i]/(5.0+q);} -4.0*(q/5.0).ln_1p()}),&o);
  }
}

#[test] fn calib(){
  println!("{:>10} {:>4} ok/corr/unrel  worst |mean err| sd, worst |sd ratio-1| among ok+corrected", "target","n");
  for n in [2usize,3,4,5,6,8,10]{ run("funnel",n,0.0,3.0,|z,g|{ let y=z[0]; let mut v=-y*y/18.0; g[0]=-y/9.0; for i in 1..z.len(){ v-=0.5*z[i]*z[i]*(-y).exp()+0.5*y; g[i]=-z[i]*(-y).exp(); g[0]+=0.5*z[i]*z[i]*(-y).exp()-0.5;} v}); }
  for n in [2usize,4,8]{ run("mildfun",n,0.0,1.0,|z,g|{ let y=z[0]; let mut v=-y*y/2.0; g[0]=-y; for i in 1..z.len(){ v-=0.5*z[i]*z[i]*(-y).exp()+0.5*y; g[i]=-z[i]*(-y).exp(); g[0]+=0.5*z[i]*z[i]*(-y).exp()-0.5;} v}); }
  for n in [2usize]{ run("banana",n,0.0,1.0,|z,g|{ let b=1.0; let r=z[1]-b*(z[0]*z[0]-1.0); g[0]=-z[0]+2.0*b*z[0]*r/0.25; g[1]=-r/0.25; -0.5*z[0]*z[0]-0.5*r*r/0.25}); }
  for n in [1usize,2,5]{ run("bimodal4",n,0.0,(1.0f64+4.0).sqrt(),|z,g|{ let a=-0.5*(z[0]-2.0f64).powi(2); let b=-0.5*(z[0]+2.0f64).powi(2); let m=a.max(b); let l=m+((a-m).exp()+(b-m).exp()).ln(); let w=(a-l).exp(); g[0]=-w*(z[0]-2.0)-(1.0-w)*(z[0]+2.0); let mut v=l; for i in 1..z.len(){v-=0.5*z[i]*z[i];g[i]=-z[i];} v}); }
  for n in [1usize,2,5]{ run("bimodal8",n,0.0,(1.0f64+16.0).sqrt(),|z,g|{ let a=-0.5*(z[0]-4.0f64).powi(2); let b=-0.5*(z[0]+4.0f64).powi(2); let m=a.max(b); let l=m+((a-m).exp()+(b-m).exp()).ln(); let w=(a-l).exp(); g[0]=-w*(z[0]-4.0)-(1.0-w)*(z[0]+4.0); let mut v=l; for i in 1..z.len(){v-=0.5*z[i]*z[i];g[i]=-z[i];} v}); }
  run("schools8",10,4.39682,3.3177,|z,g|{ let mut z2=z.to_vec(); z2.rotate_left(2); let mut g2=vec![0.0;10]; let v=schools(&z2,&mut g2); g2.rotate_right(2); g.copy_from_slice(&g2); v});
}
fn run<G: Fn(&[f64],&mut [f64])->f64+Copy>(name:&str,n:usize,m:f64,s:f64,g:G){
  let (mut c,mut wm,mut ws,mut ks,mut st)=([0;5],0.0f64,0.0f64,vec![],vec![]);
  for seed in 1..=20{ let mut d=f(n,g); let o=Options{seed,..Options::default()}; if let Ok(f)=fit(&mut d,&o,&mut Silent){ c[f.verdict as usize]+=1; ks.push(f.k_hat); st.push(f.state.step);
    let p=&f.parameters[0]; if std::env::var("V").is_ok(){println!("   {:?} k {:.2} ess {:.0} err {:.3} {:.3} {} {:?}",f.verdict,f.k_hat,f.ess,(p.mean-m).abs()/s,(p.sd/s-1.0).abs(),f.elbo,f.reasons.iter().filter(|r|r.contains("score")||r.contains("mode")).collect::<Vec<_>>());} if f.verdict!=Verdict::Unreliable{  wm=wm.max((p.mean-m).abs()/s); ws=ws.max((p.sd/s-1.0).abs()); } } }
  ks.sort_by(f64::total_cmp); st.sort();
  println!("{name:>10} {n:>4} {:?} {wm:.3} {ws:.3} k {:.2} {:.2} {:.2} steps {} {}", &c[..3], ks[0],ks[ks.len()/2],ks[ks.len()-1],st[st.len()/2],st[st.len()-1]);
}
