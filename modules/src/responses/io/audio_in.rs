//! Audio in against what the host gives.

use crate::rig::Rig;

#[test]
fn audio_in_brings_the_host_and_nothing_else() {
    let mut rig = Rig::new("audio-in")
        .hold("gain", 0.0)
        .hold("side-gain", -20.0);
    rig.audio_in = [vec![0.5; 10], vec![f32::NAN; 10], vec![1.0; 5], Vec::new()];
    let outputs = rig.run(20);
    assert_eq!(outputs[0][..10], [0.5; 10]);
    assert_eq!(outputs[0][10..], [0.0; 10]);
    assert_eq!(outputs[1], [0.0; 20]);
    assert!(
        outputs[2][..5]
            .iter()
            .all(|sample| (sample - 0.1).abs() < 1e-6)
            && outputs[2][5] == 0.0
    );
    assert_eq!(outputs[3], [0.0; 20]);
    let mut silent = Rig::new("audio-in").hold("gain", -60.0);
    silent.audio_in[0] = vec![1.0; 8];
    assert_eq!(silent.run(8)[0], [0.0; 8]);
}
