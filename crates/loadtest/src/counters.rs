//! What peers count: packets, bytes, losses, key frames, and latency as a histogram of fixed size.

use std::time::{Duration, Instant};

use serde::Serialize;

/// Sixteen buckets an octave: a reading is off by 1/16 at most.
const BUCKET_BITS: u32 = 4;
const BUCKETS_PER_OCTAVE: usize = 1 << BUCKET_BITS;
/// Up to 2^26 µs, which is 67 s; anything slower counts in the last bucket.
const BUCKETS: usize = BUCKETS_PER_OCTAVE * (26 - BUCKET_BITS as usize + 1);

/// How often each latency was seen. Takes 1.5 kB however many samples it holds.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Box<[u32; BUCKETS]>,
    total: u64,
    max_us: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: Box::new([0; BUCKETS]),
            total: 0,
            max_us: 0,
        }
    }
}

impl Histogram {
    /// Adds one sample.
    pub fn record(&mut self, sample: Duration) {
        let micros = u64::try_from(sample.as_micros()).unwrap_or(u64::MAX);
        let bucket = &mut self.counts[bucket_of(micros)];
        *bucket = bucket.saturating_add(1);
        self.total += 1;
        self.max_us = self.max_us.max(micros);
    }

    /// Adds every sample of another histogram.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts.iter()) {
            *mine = mine.saturating_add(*theirs);
        }
        self.total += other.total;
        self.max_us = self.max_us.max(other.max_us);
    }

    /// Number of samples.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The slowest sample.
    pub fn max(&self) -> Duration {
        Duration::from_micros(self.max_us)
    }

    /// The latency that `share` (0..=1) of the samples do not exceed; `None` without samples.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let wanted = ((self.total as f64 * share.clamp(0.0, 1.0)).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted {
                return Some(Duration::from_micros(largest_in(bucket).min(self.max_us)));
            }
        }
        None
    }
}

/// The bucket of a latency: exact below 16 µs, then sixteen buckets for every doubling.
fn bucket_of(micros: u64) -> usize {
    if micros < BUCKETS_PER_OCTAVE as u64 {
        return micros as usize;
    }
    let octave = micros.ilog2() - BUCKET_BITS;
    let within = (micros >> octave) as usize - BUCKETS_PER_OCTAVE;
    ((octave as usize + 1) * BUCKETS_PER_OCTAVE + within).min(BUCKETS - 1)
}

/// The largest latency of a bucket, in µs.
fn largest_in(bucket: usize) -> u64 {
    if bucket < BUCKETS_PER_OCTAVE {
        return bucket as u64;
    }
    let octave = bucket / BUCKETS_PER_OCTAVE - 1;
    ((BUCKETS_PER_OCTAVE + bucket % BUCKETS_PER_OCTAVE + 1) as u64) << octave
}

/// What a peer sent on its published streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sent {
    /// RTP packets.
    pub packets: u64,
    /// RTP payload bytes.
    pub bytes: u64,
    /// Video frames that were key frames.
    pub key_frames: u64,
    /// Requests for a key frame that came from the server.
    pub key_frame_requests: u64,
}

impl Sent {
    /// Adds another peer's counts.
    pub fn merge(&mut self, other: &Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.key_frames += other.key_frames;
        self.key_frame_requests += other.key_frame_requests;
    }
}

/// What came in on received streams; one stream's, or the sum over several.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// RTP packets, retransmitted ones included.
    pub packets: u64,
    /// RTP payload bytes (whole datagrams where payloads are not decrypted).
    pub bytes: u64,
    /// Packets that end a video frame or, in audio, start to speak: those with the marker bit.
    pub markers: u64,
    /// Key frames (only where payloads are decrypted).
    pub key_frames: u64,
    /// Sequence numbers that are missing up to the highest one seen.
    pub lost: u64,
    /// Time from the stream's announcement to its first packet; of a sum, the longest.
    pub first_packet_after: Option<Duration>,
    /// Latency of packets, if their sender stamps them with [`crate::clock::MediaClock`].
    pub latency: Histogram,
}

impl Received {
    /// Adds another stream's counts.
    pub fn merge(&mut self, other: &Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.markers += other.markers;
        self.key_frames += other.key_frames;
        self.lost += other.lost;
        self.first_packet_after = self.first_packet_after.max(other.first_packet_after);
        self.latency.merge(&other.latency);
    }
}

/// What is read off one received packet.
#[derive(Clone, Copy, Debug)]
pub struct Packet {
    /// RTP sequence number.
    pub sequence: u16,
    /// The marker bit.
    pub marker: bool,
    /// Size in bytes, see [`Received::bytes`].
    pub bytes: usize,
    /// Whether it starts a key frame.
    pub key_frame: bool,
    /// Age of its timestamp, if known.
    pub latency: Option<Duration>,
}

/// Counts one received stream.
#[derive(Debug)]
pub struct StreamCounter {
    announced: Instant,
    first: u64,
    highest: Option<u64>,
    counts: Received,
}

impl StreamCounter {
    /// A stream that was announced now.
    pub fn new(now: Instant) -> Self {
        Self {
            announced: now,
            first: 0,
            highest: None,
            counts: Received::default(),
        }
    }

    /// Counts one packet.
    pub fn handle_packet(&mut self, packet: Packet, now: Instant) {
        let sequence = match self.highest {
            Some(highest) => extend(highest, packet.sequence),
            // One cycle above zero, so that a late packet can be below the first one.
            None => 0x1_0000 + u64::from(packet.sequence),
        };
        if self.highest.is_none() {
            self.first = sequence;
            self.counts.first_packet_after = Some(now.saturating_duration_since(self.announced));
        }
        self.first = self.first.min(sequence);
        self.highest = self.highest.max(Some(sequence));
        self.counts.packets += 1;
        self.counts.bytes += packet.bytes as u64;
        self.counts.markers += u64::from(packet.marker);
        self.counts.key_frames += u64::from(packet.key_frame);
        if let Some(latency) = packet.latency {
            self.counts.latency.record(latency);
        }
    }

    /// The counts so far.
    pub fn counts(&self) -> Received {
        let expected = self.highest.map_or(0, |highest| highest - self.first + 1);
        Received {
            lost: expected.saturating_sub(self.counts.packets),
            ..self.counts.clone()
        }
    }
}

/// The sequence number nearest to `highest` whose low 16 bits are `sequence`.
fn extend(highest: u64, sequence: u16) -> u64 {
    let ahead = sequence.wrapping_sub(highest as u16) as i16;
    highest.saturating_add_signed(i64::from(ahead))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(sequences: &[u16]) -> Received {
        let now = Instant::now();
        let mut counter = StreamCounter::new(now);
        for &sequence in sequences {
            let packet = Packet {
                sequence,
                marker: false,
                bytes: 10,
                key_frame: false,
                latency: None,
            };
            counter.handle_packet(packet, now + Duration::from_millis(7));
        }
        counter.counts()
    }

    #[test]
    fn gaps_count_as_lost_until_they_are_filled() {
        assert_eq!(count(&[5, 6, 7]).lost, 0);
        assert_eq!(count(&[5, 8]).lost, 2);
        assert_eq!(count(&[5, 8, 6, 7]).lost, 0);
        assert_eq!(count(&[5, 3]).lost, 1);
    }

    #[test]
    fn sequence_numbers_wrap() {
        let counts = count(&[65_534, 65_535, 1, 0]);
        assert_eq!((counts.packets, counts.bytes, counts.lost), (4, 40, 0));
        assert_eq!(count(&[65_535, 2]).lost, 2);
        assert_eq!(count(&[0, 65_535]).lost, 0);
        assert_eq!(counts.first_packet_after, Some(Duration::from_millis(7)));
    }

    #[test]
    fn quantiles_are_within_a_sixteenth() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        (1..=1_000).for_each(|n| histogram.record(Duration::from_micros(n * 100)));
        for (share, exact) in [(0.5, 50_000.0), (0.99, 99_000.0), (1.0, 100_000.0)] {
            let found = histogram.quantile(share).unwrap().as_micros() as f64;
            assert!(
                found >= exact && found <= exact * (1.0 + 1.0 / 16.0),
                "{share}: {found}"
            );
        }
        assert_eq!(histogram.max(), Duration::from_millis(100));
    }

    #[test]
    fn every_latency_has_a_bucket_and_buckets_are_in_order() {
        for micros in (0..200_000).chain([1 << 26, u64::MAX]) {
            let bucket = bucket_of(micros);
            assert!(bucket < BUCKETS);
            assert!(bucket == BUCKETS - 1 || micros <= largest_in(bucket), "{micros}");
            assert!(bucket == 0 || micros >= largest_in(bucket - 1), "{micros}");
        }
        let mut histogram = Histogram::default();
        histogram.record(Duration::from_secs(1_000));
        histogram.merge(&histogram.clone());
        assert_eq!(histogram.total(), 2);
    }
}
