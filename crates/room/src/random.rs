//! Where ids come from: a generator that the shell seeds, so that a run can be repeated. Ids must be unique, not secret.

/// SplitMix64: a counter whose steps are mixed until they look random.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// 128 bits for one id.
    pub(crate) fn next_id(&mut self) -> u128 {
        (u128::from(self.next_u64()) << 64) | u128::from(self.next_u64())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Random;

    #[test]
    fn ids_repeat_with_the_seed_and_never_within_a_run() {
        let ids = |seed| {
            let mut random = Random::new(seed);
            (0..10_000).map(|_| random.next_id()).collect::<Vec<_>>()
        };
        assert_eq!(ids(1), ids(1));
        assert_ne!(ids(1), ids(2));
        assert_eq!(ids(1).into_iter().collect::<BTreeSet<_>>().len(), 10_000);
    }

    #[test]
    fn the_generator_is_the_published_one() {
        assert_eq!(Random::new(1_234_567).next_u64(), 6_457_827_717_110_365_317);
    }
}
