//! The 97.5 % quantile of Student's t: half of a 95 % confidence interval, in standard errors.

use super::count;

/// For 1 to 30 degrees of freedom. Source: NIST/SEMATECH e-Handbook of Statistical Methods, table 1.3.6.7.2.
const T_975: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042,
];
/// The same quantile of the normal distribution.
pub(super) const Z_975: f64 = 1.959_964;

/// For so many degrees of freedom, at least 1. Beyond the table by the first terms of its expansion around the normal distribution
/// (Abramowitz and Stegun, *Handbook of Mathematical Functions*, 26.7.5), which is right to 0.001 there.
pub(super) fn t_975(freedom: usize) -> f64 {
    if let Some(t) = T_975.get(freedom.saturating_sub(1)) {
        return *t;
    }
    let (z, nu) = (Z_975, count(freedom));
    let cube = z * z * z;
    z + (cube + z) / (4.0 * nu) + (5.0 * cube * z * z + 16.0 * cube + 3.0 * z) / (96.0 * nu * nu)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_table_it_goes_on_smoothly() {
        // The same handbook's table for 31, 60 and 100.
        for (freedom, t) in [(31, 2.040), (60, 2.000), (100, 1.984)] {
            let ours = t_975(freedom);
            assert!((ours - t).abs() < 6e-4, "{freedom}: {ours}");
        }
        for freedom in 1..2000 {
            assert!(t_975(freedom + 1) < t_975(freedom), "{freedom}");
        }
        assert!(t_975(1_000_000) - Z_975 < 1e-5);
    }
}
