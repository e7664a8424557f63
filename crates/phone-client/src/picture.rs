//! Reading a QR code from a picture, so that a sign-in can be scripted.

use std::path::Path;

use crate::error::{PhoneError, Result};

/// The text of the QR code in a picture file (PNG). With several codes the first that can be read.
///
/// # Errors
/// The file cannot be read, is no picture, or shows no readable code.
pub fn read_qr_file(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path)
        .map_err(|error| PhoneError::BadPicture(format!("{}: {error}", path.display())))?;
    read_qr(&bytes)
}

/// The text of the QR code in a picture (PNG bytes).
///
/// # Errors
/// The bytes are no picture, or it shows no readable code.
pub fn read_qr(bytes: &[u8]) -> Result<String> {
    let picture =
        image::load_from_memory(bytes).map_err(|error| PhoneError::BadPicture(error.to_string()))?.to_luma8();
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let mut prepared = rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| {
        let (x, y) = (u32::try_from(x).unwrap_or(0), u32::try_from(y).unwrap_or(0));
        picture.get_pixel_checked(x, y).map_or(255, |pixel| pixel.0[0])
    });
    prepared
        .detect_grids()
        .iter()
        .find_map(|grid| grid.decode().ok())
        .map(|(_, text)| text)
        .ok_or(PhoneError::NoCodeInPicture)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_without_a_code_is_said_to_be_one() {
        let white = image::GrayImage::from_pixel(40, 40, image::Luma([255]));
        let mut png = std::io::Cursor::new(Vec::new());
        white.write_to(&mut png, image::ImageFormat::Png).unwrap();
        assert!(matches!(read_qr(png.get_ref()), Err(PhoneError::NoCodeInPicture)));
        assert!(matches!(read_qr(b"no picture"), Err(PhoneError::BadPicture(_))));
    }

    #[test]
    fn a_drawn_code_is_read() {
        let text = "https://id.example/s#1AAAAAAAAAAAAAAAAAAAAAA";
        let code = qrcode::QrCode::new(text).unwrap();
        let side = u32::try_from(code.width()).unwrap();
        let colors = code.to_colors();
        let picture = image::GrayImage::from_fn((side + 8) * 4, (side + 8) * 4, |x, y| {
            let (x, y) = ((x / 4).wrapping_sub(4), (y / 4).wrapping_sub(4));
            let dark = x < side && y < side && colors[(y * side + x) as usize] == qrcode::Color::Dark;
            image::Luma([if dark { 0 } else { 255 }])
        });
        let mut png = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut png, image::ImageFormat::Png).unwrap();
        assert_eq!(read_qr(png.get_ref()).unwrap(), text);
    }
}
