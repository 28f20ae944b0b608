"""Exact draws where everything is normal given two or three scales, and No-U-Turn chains diverge: examples of
the reference pages, of a few rows each.

y ~ normal(A u, sigma) with u ~ normal(m, s), where s and sigma hang on scales h. The u are integrated out, h is
drawn by quadrature over its logarithm, u given h from its normal law."""

import numpy as np
import polars as pl

import exact

CHUNK = 20_000


class Collapsed:
    """A subclass has `design` [row, u], `y`, `mean` [u], `sds(h)` [..., u], `log_prior(h)`, `names` of h, sigma
    the last, a `box` of log h with `cells`, and `reported(u)`: the columns made of u [draw, u]."""

    mean = 0.0

    def log_likelihood(self, h):
        """Of scales [..., k] that are the exponentials of grid points."""
        flat, out = h.reshape(-1, h.shape[-1]), []
        residual = self.y - self.design @ (self.mean * np.ones(self.design.shape[1]))
        for part in np.split(flat, range(CHUNK, len(flat), CHUNK)):
            scaled = self.design * self.sds(part)[:, None, :]
            covariance = scaled @ scaled.transpose(0, 2, 1) + part[:, -1, None, None] ** 2 * np.eye(len(self.y))
            factor = np.linalg.cholesky(covariance)
            white = np.linalg.solve(factor, np.broadcast_to(residual[:, None], (*factor.shape[:2], 1)))[..., 0]
            out.append(-np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1) - (white**2).sum(axis=1) / 2)
        return np.concatenate(out).reshape(h.shape[:-1])

    def grid(self, wide=1.0, fine=1.0):
        def log_density(*log_h):
            log_h = np.stack(np.broadcast_arrays(*log_h), axis=-1)
            h = np.exp(log_h)
            return self.log_likelihood(h) + self.log_prior(h) + log_h.sum(axis=-1)

        stretch = lambda low, high: ((low + high - wide * (high - low)) / 2, (low + high + wide * (high - low)) / 2)
        return exact.Grid(log_density, [stretch(*b) for b in self.box], [round(n * fine * wide) for n in self.cells])

    def draws(self):
        h = np.exp(np.stack(self.grid().draws(exact.N_DRAWS), axis=-1))
        r, parts = np.random.default_rng(exact.SEED + 1), []
        for part in np.split(h, range(CHUNK, len(h), CHUNK)):
            sds, sigma = self.sds(part), part[:, -1]
            # In units of the prior's sds, so that a scale of nearly 0 does no harm.
            scaled = self.design * sds[:, None, :] / sigma[:, None, None]
            factor = np.linalg.cholesky(scaled.transpose(0, 2, 1) @ scaled + np.eye(sds.shape[1]))
            right = scaled.transpose(0, 2, 1) @ ((self.y - self.design @ (self.mean * np.ones(sds.shape[1]))) / sigma[:, None])[:, :, None]
            z = np.linalg.solve(factor, right) + r.normal(size=right.shape)
            parts.append(self.mean + sds * np.linalg.solve(factor.transpose(0, 2, 1), z)[..., 0])
        columns = {name: h[:, k] for k, name in enumerate(self.names)}
        return columns | self.reported(np.concatenate(parts)), "closed form given the scales, quadrature over them"


def half_normal(x, scale):
    return -((x / scale) ** 2) / 2


def inverse_gamma(x, shape, scale):
    return -(shape + 1) * np.log(x) - scale / x


def sds_of(h, *parts):
    """Standard deviations [draw, u], of parts (sd, how many), where an sd is a number or one a draw."""
    return np.concatenate([np.broadcast_to(np.reshape(sd, (-1, 1)), (len(h), n)) for sd, n in parts], axis=1)


def one_hot(index, n):
    return np.eye(n)[np.asarray(index)]


class Radon(Collapsed):
    names, box, cells = ("tau", "sigma"), [(-12, 2), (-2.5, 0.8)], [420, 160]

    def __init__(self, spec):
        homes = pl.read_csv(spec.parent / "tables" / "homes.csv")
        counties = pl.read_csv(spec.parent / "tables" / "counties.csv").sort("county")
        self.levels, self.log_uranium = list(counties["county"]), np.log(counties["uranium"].to_numpy())
        county = [self.levels.index(c) for c in homes["county"]]
        self.design = np.column_stack([np.ones(len(homes)), self.log_uranium[county], homes["floor"], one_hot(county, len(self.levels))])
        self.y = homes["log_radon"].to_numpy()

    def sds(self, h):
        return sds_of(h, (5, 1), (2, 1), (5, 1), (h[:, 0], len(self.levels)))

    def log_prior(self, h):
        return half_normal(h[..., 0], 1) + half_normal(h[..., 1], 5)

    def reported(self, u):
        alpha = u[:, :1] + u[:, 1:2] * self.log_uranium + u[:, 3:]
        return {"mu": u[:, 0], "gamma": u[:, 1], "slope": u[:, 2]} | {f"alpha[{c}]": alpha[:, k] for k, c in enumerate(self.levels)}


class Schools(Collapsed):
    names, box, cells = ("tau_district", "tau_school", "sigma"), [(-8, 3.8), (-7, 3.7), (0.8, 2.8)], [140, 130, 60]

    def __init__(self, spec):
        read = lambda name: pl.read_csv(spec.parent / "tables" / f"{name}.csv")
        pupils, schools, districts = read("pupils"), read("schools").sort("school"), read("districts").sort("district")
        self.schools, self.districts = list(schools["school"]), list(districts["district"])
        self.income = districts["income"].to_numpy()
        self.district_of = np.array([self.districts.index(d) for d in schools["district"]])
        school = np.array([self.schools.index(s) for s in pupils["school"]])
        district = one_hot(self.district_of[school], 3)
        self.design = np.column_stack([
            np.ones(len(pupils)), self.income[self.district_of[school]], district, one_hot(school, 6), district * pupils["hours"].to_numpy()[:, None],
        ])
        self.y, self.mean = pupils["score"].to_numpy(), np.array([60.0] + [0.0] * 13)

    def sds(self, h):
        return sds_of(h, (20, 1), (10, 1), (h[:, 0], 3), (h[:, 1], 6), (5, 3))

    def log_prior(self, h):
        return half_normal(h[..., 0], 10) + half_normal(h[..., 1], 10) + half_normal(h[..., 2], 20)

    def reported(self, u):
        delta = u[:, :1] + u[:, 1:2] * self.income + u[:, 2:5]
        alpha = delta[:, self.district_of] + u[:, 5:11]
        out = {"mu": u[:, 0], "b_income": u[:, 1]}
        for name, labels, x in (("delta", self.districts, delta), ("alpha", self.schools, alpha), ("b_hours", self.districts, u[:, 11:])):
            out |= {f"{name}[{label}]": x[:, k] for k, label in enumerate(labels)}
        return out


def curve(spec):
    frame = pl.read_csv(spec.parent / "tables" / "curve.csv")
    return frame["x"].to_numpy(), frame["y"].to_numpy()


class Splines(Collapsed):
    names, box, cells = ("step", "sigma"), [(-0.8, 1.8), (-2.5, -0.5)], [200, 160]

    def __init__(self, spec):
        from scipy.interpolate import BSpline

        x, self.y = curve(spec)
        n, degree = 8, 3
        inner = np.quantile(x, np.arange(1, n - degree) / (n - degree))
        knots = np.concatenate([[x.min()] * (degree + 1), inner, [x.max()] * (degree + 1)])
        basis = BSpline.design_matrix(x, knots, degree).toarray()
        self.design = np.column_stack([basis.sum(axis=1), basis @ np.tri(n)])

    def sds(self, h):
        return sds_of(h, (3, 1), (h[:, 0], 8))

    def log_prior(self, h):
        return half_normal(h[..., 0], 1) + half_normal(h[..., 1], 1)

    def reported(self, _):
        return {}


class Waves(Collapsed):
    names, box, cells = ("scale", "length", "sigma"), [(-1.3, 2.2), (-1, 2.6), (-2.5, -0.6)], [70, 70, 60]

    def __init__(self, spec):
        x, self.y = curve(spec)
        centre, half = (x.min() + x.max()) / 2, 1.5 * (x.max() - x.min()) / 2
        k = np.arange(1, 21)
        self.frequency = np.pi * k / (2 * half)
        waves = np.sin(self.frequency * (x[:, None] - centre + half)) / np.sqrt(half)
        self.design = np.column_stack([np.ones(len(x)), waves])

    def sds(self, h):
        # The root of the spectral density of matern52 (Riutort-Mayol et al. 2023, section 3).
        length = h[:, 1:2]
        density = 16 / 3 * 5**2.5 * length / (5 + (self.frequency * length) ** 2) ** 3
        return np.concatenate([np.full((len(h), 1), 2.0), h[:, :1] * np.sqrt(density)], axis=1)

    def log_prior(self, h):
        return half_normal(h[..., 0], 2) + inverse_gamma(h[..., 1], 5, 5) + half_normal(h[..., 2], 1)

    def reported(self, u):
        return {"mean": u[:, 0]}


MODELS = {
    "docs/hierarchies:radon": Radon,
    "docs/hierarchies:schools": Schools,
    "docs/regression:splines": Splines,
    "docs/gaussian-processes:gp_waves": Waves,
}
# Case -> what makes its draws of its spec, as `exact.TARGETS`.
CASES = {name: lambda spec, model=model: model(spec).draws() for name, model in MODELS.items()}
