//! Whether the coordinates of a public key are a point of its curve (SEC-073).
//!
//! Owns: just enough arithmetic for that question, asked once per enrolled device about public values; it
//! is neither fast nor constant in time. Not here: signatures (`ring`, which checks the point again each
//! time).

/// 256 bits, most significant limb first.
type Number = [u64; 4];

const P256: Number =
    [0xffff_ffff_0000_0001, 0x0000_0000_0000_0000, 0x0000_0000_ffff_ffff, 0xffff_ffff_ffff_ffff];
const P256_B: Number =
    [0x5ac6_35d8_aa3a_93e7, 0xb3eb_bd55_7698_86bc, 0x651d_06b0_cc53_b0f6, 0x3bce_3c3e_27d2_604b];
const P25519: Number =
    [0x7fff_ffff_ffff_ffff, 0xffff_ffff_ffff_ffff, 0xffff_ffff_ffff_ffff, 0xffff_ffff_ffff_ffed];
/// The constant d of edwards25519 (RFC 8032 §5.1).
const ED_D: Number =
    [0x5203_6cee_2b6f_fe73, 0x8cc7_4079_7779_e898, 0x0070_0a4d_4141_d8ab, 0x75eb_4dca_1359_78a3];
/// y coordinates of the points of order 1, 2, 4 and 8: keys that make forging easy.
const ED_WEAK: [Number; 5] = [
    [0, 0, 0, 0],
    [0, 0, 0, 1],
    [0x7fff_ffff_ffff_ffff, 0xffff_ffff_ffff_ffff, 0xffff_ffff_ffff_ffff, 0xffff_ffff_ffff_ffec],
    [0x05fc_536d_8802_38b1, 0x3933_c6d3_05ac_dfd5, 0xf098_eff2_89f4_c345, 0xb027_b2c2_8f95_e826],
    [0x7a03_ac92_77fd_c74e, 0xc6cc_392c_fa53_202a, 0x0f67_100d_760b_3cba, 0x4fd8_4d3d_706a_17c7],
];

/// Whether (x, y) is a point of P-256 other than the one at infinity: coordinates below the prime, and
/// y² = x³ − 3x + b. The cofactor is 1, so every such point has full order.
pub(crate) fn is_on_p256(x: &[u8; 32], y: &[u8; 32]) -> bool {
    let (x, y) = (number(x), number(y));
    if x >= P256 || y >= P256 {
        return false;
    }
    let m = &P256;
    let cube = mul(&mul(&x, &x, m), &x, m);
    let three_x = add(&add(&x, &x, m), &x, m);
    let right = add(&sub(&cube, &three_x, m), &P256_B, m);
    mul(&y, &y, m) == right
}

/// Whether this is the canonical encoding of a point of edwards25519 that is not of small order.
pub(crate) fn is_good_ed25519(encoded: &[u8; 32]) -> bool {
    let mut big_endian = *encoded;
    big_endian.reverse();
    big_endian[0] &= 0x7f;
    let y = number(&big_endian);
    if y >= P25519 || ED_WEAK.contains(&y) {
        return false;
    }
    // x² = (y² − 1) / (d·y² + 1) must be a square: Euler's criterion on numerator times denominator.
    let m = &P25519;
    let one = [0, 0, 0, 1];
    let y2 = mul(&y, &y, m);
    let product = mul(&sub(&y2, &one, m), &add(&mul(&ED_D, &y2, m), &one, m), m);
    let half = [
        0x3fff_ffff_ffff_ffff,
        0xffff_ffff_ffff_ffff,
        0xffff_ffff_ffff_ffff,
        0xffff_ffff_ffff_fff6, // (p − 1) / 2
    ];
    pow(&product, &half, m) == one
}

fn number(bytes: &[u8; 32]) -> Number {
    let mut limbs = [0u64; 4];
    for (limb, chunk) in limbs.iter_mut().zip(bytes.chunks_exact(8)) {
        *limb = chunk.iter().fold(0, |value, byte| (value << 8) | u64::from(*byte));
    }
    limbs
}

/// a + b mod m, for a and b below m.
fn add(a: &Number, b: &Number, m: &Number) -> Number {
    let (sum, carry) = raw_add(a, b);
    if carry || sum >= *m { raw_sub(&sum, m).0 } else { sum }
}

/// a − b mod m, for a and b below m.
fn sub(a: &Number, b: &Number, m: &Number) -> Number {
    let (difference, borrow) = raw_sub(a, b);
    if borrow { raw_add(&difference, m).0 } else { difference }
}

/// a · b mod m, by doubling and adding.
fn mul(a: &Number, b: &Number, m: &Number) -> Number {
    let mut product = [0; 4];
    for bit in bits(b) {
        product = add(&product, &product, m);
        if bit {
            product = add(&product, a, m);
        }
    }
    product
}

/// a to the power of b mod m, by squaring and multiplying.
fn pow(a: &Number, b: &Number, m: &Number) -> Number {
    let mut power = [0, 0, 0, 1];
    for bit in bits(b) {
        power = mul(&power, &power, m);
        if bit {
            power = mul(&power, a, m);
        }
    }
    power
}

fn bits(number: &Number) -> impl Iterator<Item = bool> {
    number.iter().flat_map(|limb| (0..64).rev().map(move |at| limb >> at & 1 == 1))
}

fn raw_add(a: &Number, b: &Number) -> (Number, bool) {
    let mut sum = [0; 4];
    let mut carry = false;
    for at in (0..4).rev() {
        let (value, first) = a[at].overflowing_add(b[at]);
        let (value, second) = value.overflowing_add(u64::from(carry));
        sum[at] = value;
        carry = first || second;
    }
    (sum, carry)
}

fn raw_sub(a: &Number, b: &Number) -> (Number, bool) {
    let mut difference = [0; 4];
    let mut borrow = false;
    for at in (0..4).rev() {
        let (value, first) = a[at].overflowing_sub(b[at]);
        let (value, second) = value.overflowing_sub(u64::from(borrow));
        difference[at] = value;
        borrow = first || second;
    }
    (difference, borrow)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap();
        }
        bytes
    }

    /// The base point of P-256 (SEC 2 §2.4.2).
    const GX: &str = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296";
    const GY: &str = "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";

    #[test]
    fn sec_073_points_off_the_curve_are_told_apart() {
        let (x, y) = (hex(GX), hex(GY));
        assert!(is_on_p256(&x, &y));
        for at in 0..32 {
            let mut bent = y;
            bent[at] ^= 1;
            assert!(!is_on_p256(&x, &bent));
        }
        assert!(!is_on_p256(&[0; 32], &[0; 32]));
        assert!(!is_on_p256(&[0xff; 32], &[0xff; 32]));
    }

    #[test]
    fn sec_073_weak_and_malformed_ed25519_keys_are_told_apart() {
        // The public keys of RFC 8032 §7.1, tests 1 to 3.
        for good in [
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        ] {
            assert!(is_good_ed25519(&hex(good)), "{good}");
        }
        for weak in [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0000000000000000000000000000000000000000000000000000000000000080",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
            // Not canonical: p and p + 1.
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            // No point has y = 2.
            "0200000000000000000000000000000000000000000000000000000000000000",
        ] {
            assert!(!is_good_ed25519(&hex(weak)), "{weak}");
        }
    }
}
