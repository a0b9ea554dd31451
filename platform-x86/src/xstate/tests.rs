//! The signal-frame form of the vector state, with the real CPU's areas.

use super::*;

fn area() -> Box<Area> {
    let mut area = Box::new(Area([0; MAX_AREA]));
    area.clear();
    area
}

fn frame() -> TrapFrame {
    TrapFrame {
        mxcsr: 0x1f80,
        xmm: core::array::from_fn(|i| [i as u64, !0 - i as u64]),
        ..TrapFrame::default()
    }
}

#[test]
fn round_trip() {
    init();
    let mut saved = vec![0; signal_size()];
    area().save_for_signal(&frame(), &mut saved);
    let mut back = TrapFrame::default();
    assert!(area().load_from_signal(&mut back, &saved));
    assert_eq!(back, frame());
}

#[test]
fn describes_itself() {
    init();
    let mut saved = vec![0; signal_size()];
    area().save_for_signal(&frame(), &mut saved);
    if FEATURES.load(Ordering::Relaxed) == 0 {
        return;
    }
    let (sw, _) = FpxSwBytes::read_from_prefix(&saved[FPX_SW_OFFSET..]).unwrap();
    assert_eq!(sw.magic1, FP_XSTATE_MAGIC1);
    assert_eq!(sw.extended_size as usize, saved.len());
    assert_eq!(word(&saved, sw.xstate_size as usize), FP_XSTATE_MAGIC2);
    assert_eq!(word64(&saved, LEGACY) & 3, 3);
}

#[test]
fn a_plain_fxsave_area_is_taken() {
    init();
    let mut saved = vec![0; signal_size()];
    area().save_for_signal(&frame(), &mut saved);
    saved[FPX_SW_OFFSET..FPX_SW_OFFSET + 48].fill(0);
    let mut back = TrapFrame::default();
    assert!(area().load_from_signal(&mut back, &saved[..LEGACY]));
    assert_eq!(back, frame());
}

#[test]
fn malformed_states_are_refused() {
    init();
    let mut saved = vec![0; signal_size()];
    area().save_for_signal(&frame(), &mut saved);
    let refused = |change: &dyn Fn(&mut [u8])| {
        let mut bad = saved.clone();
        change(&mut bad);
        !area().load_from_signal(&mut TrapFrame::default(), &bad)
    };
    assert!(refused(&|b| b[OFF_MXCSR + 2] = 0xff));
    if FEATURES.load(Ordering::Relaxed) != 0 {
        assert!(refused(&|b| b[LEGACY + 7] = 0x40));
        assert!(refused(&|b| b[LEGACY + 15] = 0x80));
        assert!(refused(&|b| b[LEGACY + 40] = 1));
    }
    assert!(!area().load_from_signal(&mut TrapFrame::default(), &saved[..100]));
}
