//! Payloads that look like VP8 and Opus: enough of each header for a selective forwarding unit to act on, then filler.

/// Bytes of a VP8 packet that must be there: descriptor, frame tag, start code and picture size of a key frame.
pub const VP8_HEADER_BYTES: usize = 11;

/// Picture size written into key frames.
const WIDTH: u16 = 640;
const HEIGHT: u16 = 360;

/// One packet of a VP8 frame, `length` bytes long (at least [`VP8_HEADER_BYTES`]). `first` marks the start of the frame.
pub fn vp8(key: bool, first: bool, length: usize) -> Vec<u8> {
    let mut payload = vec![0; length.max(VP8_HEADER_BYTES)];
    if !first {
        return payload;
    }
    // Descriptor with only the start-of-partition bit; then the frame tag, whose lowest bit says "not a key frame".
    payload[0] = 0x10;
    payload[1] = 0x10 | u8::from(!key);
    if key {
        payload[4..7].copy_from_slice(&[0x9d, 0x01, 0x2a]);
        payload[7..9].copy_from_slice(&WIDTH.to_le_bytes());
        payload[9..11].copy_from_slice(&HEIGHT.to_le_bytes());
    }
    payload
}

/// One Opus packet of 20 ms, `length` bytes long (at least 3, fewer would mean silence).
pub fn opus(length: usize) -> Vec<u8> {
    let mut payload = vec![0x55; length.max(3)];
    // Table-of-contents byte: full-band CELT, 20 ms, stereo, one frame.
    payload[0] = 0xfc;
    payload
}

/// Whether this VP8 payload is the first packet of a key frame.
pub fn is_vp8_key_frame(payload: &[u8]) -> bool {
    let Some(&descriptor) = payload.first() else {
        return false;
    };
    let starts_frame = descriptor & 0x10 != 0 && descriptor & 0x07 == 0;
    let frame = vp8_descriptor_bytes(payload);
    starts_frame && payload.get(frame).is_some_and(|tag| tag & 1 == 0)
}

/// Length of the VP8 payload descriptor with its optional fields.
fn vp8_descriptor_bytes(payload: &[u8]) -> usize {
    let byte = |index: usize| payload.get(index).copied().unwrap_or(0);
    if byte(0) & 0x80 == 0 {
        return 1;
    }
    let extension = byte(1);
    let mut length = 2;
    if extension & 0x80 != 0 {
        length += if byte(2) & 0x80 != 0 { 2 } else { 1 };
    }
    length += usize::from(extension & 0x40 != 0);
    length + usize::from(extension & 0x30 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_frames_are_told_from_other_packets() {
        assert!(is_vp8_key_frame(&vp8(true, true, 1_000)));
        assert!(!is_vp8_key_frame(&vp8(false, true, 1_000)));
        assert!(!is_vp8_key_frame(&vp8(true, false, 1_000)));
        assert!(!is_vp8_key_frame(&[]));
    }

    #[test]
    fn a_descriptor_with_picture_id_and_layers_is_skipped() {
        // X set; I, L, T and K present; 15-bit picture id.
        let mut payload = vec![0x90, 0xf0, 0x81, 0x23, 0x07, 0x20, 0x10, 0, 0, 0x9d, 0x01, 0x2a];
        assert!(is_vp8_key_frame(&payload));
        payload[6] |= 1;
        assert!(!is_vp8_key_frame(&payload));
    }

    #[test]
    fn payloads_have_the_asked_length_and_never_less_than_their_headers() {
        assert_eq!(vp8(true, true, 1_200).len(), 1_200);
        assert_eq!(vp8(true, true, 0).len(), VP8_HEADER_BYTES);
        assert_eq!(
            &vp8(true, true, 20)[..11],
            &[0x10, 0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01]
        );
        assert_eq!(opus(100).len(), 100);
        assert!(opus(0).len() > 2);
    }
}
