//! Weft's bundles, as built, in real CLAP and VST3 hosts.

mod bundles;
mod clap_host;
mod host;
mod play;
mod sound;
mod vst3_direct;
mod vst3_host;

#[cfg(test)]
mod proto {
    use crate::host::*;
    use crate::play::*;
    use crate::sound::*;
    #[test]
    fn toy() {
        everywhere(|host, plugin| {
            let mut i = open(host, plugin);
            println!("{}", i.param_count());
            if host == Host::Clap { println!("{:?}", i.params()); }
            let id = match host { Host::Clap => i.params()[0].id, _ => 102865796 };
            let state = i.save();
            println!("{} {:?}", state.len(), i.load(&state));
            i.activate(48000.0, 512);
            i.run_song(true);
            let piece = Piece::new(2000).note(100, 1000, 60).at(500, Do::Set { id, value: 0.25 }).at(1200, Do::On { key: 60, velocity: 0.5 }).at(1500, Do::Choke { key: 60 }).at(1700, Do::On { key: 60, velocity: 0.5 }).at(1800, Do::Control { number: 123, value: 0 });
            let s = play(&mut *i, &piece, &[64, 0, 1, 7, 512]);
            let mut i = open(host, plugin);
            i.activate(48000.0, 512);
            let piece2 = Piece { events: piece.events.iter().filter(|e| e.0 != 500).copied().collect(), ..piece };
            let s2 = play(&mut *i, &piece2, &[512]);
            println!("{:?} {:?} {}", first_sound(&s), first_difference(&s, &s2), peak(&part(&s, 1500, 1700)));
            println!("{:?}", peak(&part(&s, 1800, 2000)));
        });
    }
}
