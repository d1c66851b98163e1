//! `--param`: values and ramps from the command line.

use anyhow::{Context, Result, bail};
use weft::patch::{ParamRef, Patch};
use weft_modules::{ModuleSpec, ParamKind, ParamSpec};

use crate::catalog;

/// Frames between two steps of a ramp. Steps lie on multiples of it, whatever the block size.
const STEP: u64 = 32;

/// A param and what it does.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    module: String,
    param: String,
    motion: Motion,
}

#[derive(Clone, Debug, PartialEq)]
enum Motion {
    /// A value as text.
    Value(String),
    /// Seconds and values as text.
    Ramp(Vec<(f64, String)>),
}

/// Slot values by frame.
pub type Automation = Vec<(u64, u16, f32)>;

impl std::str::FromStr for Setting {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Setting> {
        const SHAPE: &str = "write MODULE.PARAM=VALUE or MODULE.PARAM=SECONDS:VALUE,SECONDS:VALUE";
        let (place, value) = text.split_once('=').context(SHAPE)?;
        let (module, param) = place.trim().split_once('.').context(SHAPE)?;
        let motion = if value.contains(':') {
            let mut points: Vec<(f64, String)> = Vec::new();
            for point in value.split(',') {
                let (time, value) = point
                    .split_once(':')
                    .with_context(|| format!("\"{point}\" is no SECONDS:VALUE; {SHAPE}"))?;
                let seconds: f64 = time
                    .trim()
                    .trim_end_matches('s')
                    .trim_end()
                    .parse()
                    .ok()
                    .filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0)
                    .with_context(|| format!("\"{time}\" is no time in seconds"))?;
                if points.last().is_some_and(|(last, _)| *last > seconds) {
                    bail!("the times of a ramp must rise, but {seconds} comes after a later one");
                }
                points.push((seconds, value.trim().to_owned()));
            }
            Motion::Ramp(points)
        } else {
            Motion::Value(value.trim().to_owned())
        };
        Ok(Setting {
            module: module.trim().to_owned(),
            param: param.trim().to_owned(),
            motion,
        })
    }
}

/// Puts the settings into the patch. Returns what moves by frame, in order; a patch with ramps has
/// its slots bound to them and to nothing else, so that there is always room.
///
/// # Errors
/// Names the module, param or value that the patch does not have, and what it has.
pub fn apply(settings: &[Setting], patch: &mut Patch, rate: u32) -> Result<Automation> {
    let mut automation = Automation::new();
    let mut slots = std::collections::BTreeMap::new();
    for setting in settings {
        let place = format!("{}.{}", setting.module, setting.param);
        let spec = param(patch, &setting.module, &setting.param)?;
        match &setting.motion {
            Motion::Value(text) => {
                let plain = value(spec, text).with_context(|| format!("--param {place}"))?;
                patch.set_value(&setting.module, &setting.param, plain);
            }
            Motion::Ramp(points) => {
                if spec.setting {
                    bail!("--param {place}: this is set when the patch starts and cannot move");
                }
                let points = points
                    .iter()
                    .map(|(seconds, text)| Ok((*seconds, value(spec, text)?)))
                    .collect::<Result<Vec<_>>>()
                    .with_context(|| format!("--param {place}"))?;
                let Some((_, first)) = points.first() else {
                    continue;
                };
                patch.set_value(&setting.module, &setting.param, *first);
                let slot = u16::try_from(slots.len()).context("too many ramps")?;
                slots.insert(
                    slot + 1,
                    ParamRef {
                        module: setting.module.clone(),
                        param: setting.param.clone(),
                    },
                );
                let travel: Vec<(f64, f32)> = points
                    .iter()
                    .map(|(seconds, plain)| (*seconds, spec.normalized(*plain)))
                    .collect();
                automation.extend(
                    ramp(&travel, rate)
                        .into_iter()
                        .map(|(frame, value)| (frame, slot, value)),
                );
            }
        }
    }
    if !slots.is_empty() {
        patch.slots = slots;
    }
    automation.sort_by_key(|(frame, _, _)| *frame);
    Ok(automation)
}

/// The data sheet of a param in a patch.
fn param(patch: &Patch, module: &str, param: &str) -> Result<&'static ParamSpec> {
    let Some(spec) = patch.spec(module) else {
        let known: Vec<&str> = patch
            .modules
            .iter()
            .map(|(id, _)| id)
            .filter(|id| patch.spec(id).is_some())
            .collect();
        bail!(
            "--param: the patch has no module \"{module}\"; it has {}",
            known.join(", ")
        );
    };
    match spec.params.iter().find(|known| known.id == param) {
        Some(found) => Ok(found),
        None => bail!(
            "--param: \"{module}\" has no param \"{param}\"; {}",
            params(spec)
        ),
    }
}

fn params(spec: &ModuleSpec) -> String {
    if spec.params.is_empty() {
        return "it has none".into();
    }
    let ids: Vec<&str> = spec.params.iter().map(|param| param.id).collect();
    format!("it has {}", ids.join(", "))
}

/// A value within the range of its param.
fn value(spec: &ParamSpec, text: &str) -> Result<f32> {
    let plain = text
        .parse()
        .ok()
        .filter(|plain: &f32| plain.is_finite())
        .or_else(|| spec.parse(text))
        .with_context(|| {
            format!(
                "\"{text}\" is no value of {} ({})",
                spec.id,
                catalog::range(spec)
            )
        })?;
    let legal = spec.legal(plain);
    if legal != plain {
        let whole = match spec.kind {
            ParamKind::Float => "the range",
            _ => "the values",
        };
        eprintln!(
            "note: {text} is outside {whole} of {} ({}); taking {}",
            spec.id,
            catalog::range(spec),
            spec.text(legal)
        );
    }
    Ok(legal)
}

/// Straight lines between points of time and travel, as one value every [`STEP`] frames and one at
/// every point.
fn ramp(points: &[(f64, f32)], rate: u32) -> Vec<(u64, f32)> {
    let points: Vec<(u64, f32)> = points
        .iter()
        .map(|(seconds, value)| ((seconds * f64::from(rate)).round() as u64, *value))
        .collect();
    let mut steps: Vec<(u64, f32)> = points.first().copied().into_iter().collect();
    for pair in points.windows(2) {
        let ((start, from), (end, to)) = (pair[0], pair[1]);
        let mut frame = (start / STEP + 1) * STEP;
        while frame < end {
            let share = (frame - start) as f64 / (end - start) as f64;
            let value = f64::from(from) + share * (f64::from(to) - f64::from(from));
            steps.push((frame, value as f32));
            frame += STEP;
        }
        steps.push((end, to));
    }
    steps.dedup_by_key(|(_, value)| value.to_bits());
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(text: &str) -> Result<Setting> {
        text.parse()
    }

    #[test]
    fn values_and_ramps_are_told_apart() {
        assert_eq!(
            setting("filter.cutoff=800 Hz").unwrap().motion,
            Motion::Value("800 Hz".into())
        );
        assert_eq!(
            setting("filter.cutoff=0:200,2.5:8 kHz").unwrap().motion,
            Motion::Ramp(vec![(0.0, "200".into()), (2.5, "8 kHz".into())])
        );
        for wrong in [
            "",
            "cutoff=1",
            "a.b",
            "a.b=0:1,2",
            "a.b=x:1",
            "a.b=-1:2",
            "a.b=2:1,1:2",
            "a.b=nan:1",
        ] {
            assert!(setting(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ramps_step_on_a_fixed_grid_and_reach_their_points() {
        let steps = ramp(&[(0.01, 0.0), (0.11, 1.0), (0.2, 1.0)], 1000);
        assert_eq!(steps.first(), Some(&(10, 0.0)));
        assert_eq!(steps.last(), Some(&(110, 1.0)));
        assert!(
            steps[1..steps.len() - 1]
                .iter()
                .all(|(frame, _)| frame % STEP == 0)
        );
        assert_eq!(steps[1], (32, 0.22));
        let jump = ramp(&[(0.0, 0.0), (0.5, 0.0), (0.5, 1.0)], 1000);
        assert_eq!(jump.last(), Some(&(500, 1.0)));
    }

    #[test]
    fn text_numbers_and_limits() {
        let entry = weft_modules::find("svf").unwrap();
        let cutoff = &entry.spec.params[entry.spec.param("cutoff").unwrap()];
        assert_eq!(value(cutoff, "800").unwrap(), 800.0);
        assert_eq!(value(cutoff, "800 Hz").unwrap(), 800.0);
        assert_eq!(value(cutoff, "1e9").unwrap(), cutoff.max);
        for wrong in ["loud", "nan", "inf", ""] {
            assert!(value(cutoff, wrong).is_err(), "{wrong}");
        }
    }
}
