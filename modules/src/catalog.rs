//! From a module's id to a running instance.

use crate::contract::{MAX_PARAMS, Module, Setup};
use crate::instance::Erased;
use crate::lanes::Lanes;
use crate::seat::AnyInstance;
use crate::spec::{ModuleSpec, Voicing};

/// The instruction set modules run on, as found on this processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(pub(crate) Set);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Set {
    Baseline,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Sixteen floats in one register, and twice as many registers. The sound is that of AVX2 to the last bit.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// The best level of this processor.
    pub fn detect() -> Level {
        #[cfg(target_arch = "x86_64")]
        {
            let found = fearless_simd::Level::new();
            if found.as_avx512().is_some() {
                return Level(Set::Avx512);
            }
            if found.as_avx2().is_some() {
                return Level(Set::Avx2);
            }
        }
        Level(Set::Baseline)
    }

    /// Every level this processor can run, the plainest first.
    pub fn supported() -> Vec<Level> {
        let all = [
            Set::Baseline,
            #[cfg(target_arch = "x86_64")]
            Set::Avx2,
            #[cfg(target_arch = "x86_64")]
            Set::Avx512,
        ];
        let best = all.iter().position(|set| *set == Level::detect().0);
        all.into_iter()
            .take(best.unwrap_or(0) + 1)
            .map(Level)
            .collect()
    }

    /// The name of the instruction set.
    pub fn name(self) -> &'static str {
        match self.0 {
            Set::Baseline if cfg!(target_arch = "aarch64") => "neon",
            Set::Baseline => "sse2",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => "avx512",
        }
    }
}

/// How many lanes a signal has in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Width {
    /// Mono.
    One,
    /// Up to 8 voices.
    Eight,
    /// Up to 16 voices.
    Sixteen,
}

impl Width {
    /// All of them.
    pub const ALL: [Width; 3] = [Width::One, Width::Eight, Width::Sixteen];

    /// The narrowest width for this many voices.
    pub const fn for_voices(voices: usize) -> Width {
        match voices {
            0 | 1 => Width::One,
            2..=8 => Width::Eight,
            _ => Width::Sixteen,
        }
    }
    /// Lanes in memory.
    pub const fn lanes(self) -> usize {
        match self {
            Width::One => 1,
            Width::Eight => 8,
            Width::Sixteen => 16,
        }
    }
}

/// One line of the catalog.
pub struct Entry {
    /// The data sheet.
    pub spec: ModuleSpec,
    pub(crate) make: fn(Level, Width, &Setup) -> AnyInstance,
}

impl Entry {
    /// The widths it runs at: all, or only mono where poly inputs are summed first.
    pub fn widths(&self) -> &'static [Width] {
        match self.spec.voicing {
            Voicing::PerVoice | Voicing::NoteSource => &Width::ALL,
            Voicing::Mixdown | Voicing::HostInput | Voicing::HostOutput => &[Width::One],
        }
    }

    /// Makes a silent instance, of one of its [`Entry::widths`]. Allocates; off the audio thread.
    pub fn instantiate(&self, level: Level, width: Width, setup: &Setup) -> AnyInstance {
        (self.make)(level, width, setup)
    }
}

/// The catalog line of a module type.
pub fn find(id: &str) -> Option<&'static Entry> {
    crate::CATALOG.iter().find(|entry| entry.spec.id == id)
}

pub(crate) const fn describe<V, M, const I: usize, const P: usize, const O: usize>() -> ModuleSpec
where
    V: Lanes,
    M: Module<V, I, P, O>,
{
    let spec = const { &M::SPEC };
    assert!(!spec.doc.is_empty(), "a module needs a doc");
    assert!(P <= MAX_PARAMS, "which params move is kept in as many bits");
    let mut index = 0;
    while index < I {
        assert!(!spec.inputs[index].doc.is_empty(), "an input needs a doc");
        index += 1;
    }
    index = 0;
    while index < P {
        assert!(!spec.params[index].doc.is_empty(), "a param needs a doc");
        index += 1;
    }
    index = 0;
    while index < O {
        assert!(!spec.outputs[index].doc.is_empty(), "an output needs a doc");
        index += 1;
    }
    ModuleSpec {
        id: spec.id,
        name: spec.name,
        category: spec.category,
        version: spec.version,
        voicing: spec.voicing,
        doc: spec.doc,
        inputs: &spec.inputs,
        params: &spec.params,
        outputs: &spec.outputs,
        silence: M::SILENCE,
        recursive: M::RECURSIVE,
        holds: M::HOLDS,
        shares: M::SHARES,
    }
}

pub(crate) fn erase<V, M, const I: usize, const P: usize, const O: usize>(
    setup: &Setup,
) -> AnyInstance
where
    V: Lanes,
    M: Module<V, I, P, O>,
{
    AnyInstance::new(Erased::<M, V, I, P, O>::new(M::new(setup)))
}

/// Runs an expression in which a type stands for the instruction set of a level.
macro_rules! with_set {
    ($level:expr, $set:ident => $run:expr) => {
        match $level.0 {
            $crate::catalog::Set::Baseline => {
                type $set = $crate::lanes::Baseline;
                $run
            }
            #[cfg(target_arch = "x86_64")]
            $crate::catalog::Set::Avx2 => {
                type $set = $crate::lanes::Avx2;
                $run
            }
            #[cfg(target_arch = "x86_64")]
            $crate::catalog::Set::Avx512 => {
                type $set = $crate::lanes::Avx512;
                $run
            }
        }
    };
}
pub(crate) use with_set;

/// Makes an instance for a level and width; `mono` types are made for no other width, which saves
/// most of their machine code.
macro_rules! instance {
    ($type:ident, $level:expr, $width:expr, $setup:expr) => {{
        use $crate::catalog::{Width, erase, with_set};
        use $crate::lanes::{Eight, Mono, Sixteen};
        with_set!($level, S => match $width {
            Width::One => erase::<_, $type<Mono<S>>, _, _, _>($setup),
            Width::Eight => erase::<_, $type<Eight<S>>, _, _, _>($setup),
            Width::Sixteen => erase::<_, $type<Sixteen<S>>, _, _, _>($setup),
        })
    }};
    ($type:ident, $level:expr, $width:expr, $setup:expr, mono) => {{
        use $crate::catalog::{Width, erase, with_set};
        use $crate::lanes::Mono;
        debug_assert_eq!($width, Width::One, "this module is never poly");
        with_set!($level, S => erase::<_, $type<Mono<S>>, _, _, _>($setup))
    }};
}
pub(crate) use instance;

/// Declares the module files and lists them in `CATALOG`: one `file: Type` a module,
/// marked `mono` where it never runs poly.
macro_rules! modules {
    ($($category:ident { $($file:ident: $type:ident $($mono:ident)?),* $(,)? })*) => {
        $(
            #[doc = concat!("Modules of the category `", stringify!($category), "`.")]
            pub mod $category {
                $(pub mod $file;)*
            }
        )*

        /// Every module type, by category.
        pub static CATALOG: &[$crate::catalog::Entry] = &[
            $($(
                $crate::catalog::Entry {
                    spec: $crate::catalog::describe::<
                        $crate::lanes::Mono<$crate::lanes::Baseline>,
                        $category::$file::$type<$crate::lanes::Mono<$crate::lanes::Baseline>>, _, _, _>(),
                    make: |level, width, setup| {
                        use $category::$file::$type as Type;
                        $crate::catalog::instance!(Type, level, width, setup $(, $mono)?)
                    },
                },
            )*)*
        ];
    };
}
pub(crate) use modules;
