//! What there is to say about a key: its type, its bounds, its default and its effect.

/// What is said about every key, whatever its type.
#[derive(Debug)]
pub(crate) struct About {
    /// The key in the file; `sink.url` stands in a table `[[sink]]`.
    pub(crate) path: &'static str,
    /// The flag that sets it too.
    pub(crate) flag: Option<&'static str>,
    /// What it does, in one or two sentences.
    pub(crate) effect: &'static str,
    /// What its extreme value does: 0, or an empty text. Empty when that is no matter.
    pub(crate) edge: &'static str,
    /// Whether a reload applies it; otherwise it takes effect at the next start.
    pub(crate) reload: bool,
}

/// A key whose value is a whole number.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) about: About,
    /// What is counted, in the plural.
    pub(crate) unit: &'static str,
    /// The least value.
    pub(crate) min: i64,
    /// The greatest value.
    pub(crate) max: i64,
    /// The value when none is typed.
    pub(crate) default: i64,
}

/// A key whose value is a number.
#[derive(Debug)]
pub(crate) struct Number {
    pub(crate) about: About,
    /// What is measured, in the plural; empty where the key says it.
    pub(crate) unit: &'static str,
    /// The least value.
    pub(crate) min: f64,
    /// Whether `min` itself is refused.
    pub(crate) above_min: bool,
    /// The greatest value.
    pub(crate) max: f64,
    /// The value when none is typed.
    pub(crate) default: f64,
}

/// A key whose value is a text.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) about: About,
    /// What the text may be.
    pub(crate) allowed: &'static str,
    /// The value when none is typed, if there is one.
    pub(crate) default: Option<&'static str>,
}

/// A key whose value is a list, or one item of it.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) about: About,
    /// What the items may be.
    pub(crate) allowed: &'static str,
    /// The value when none is typed, as it would be typed; empty where there is none.
    pub(crate) default: &'static str,
}

/// A key whose value is true or false.
#[derive(Debug)]
pub(crate) struct Switch {
    pub(crate) about: About,
    /// The value when none is typed.
    pub(crate) default: bool,
}

/// A key of any type.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Key {
    /// Its value is a whole number.
    Whole(&'static Whole),
    /// Its value is a number.
    Number(&'static Number),
    /// Its value is a text.
    Text(&'static Text),
    /// Its value is a list, or one item of it.
    List(&'static List),
    /// Its value is true or false.
    Switch(&'static Switch),
}

impl Whole {
    /// Whether the value is within the bounds.
    pub(crate) fn allows(&self, value: i64) -> bool {
        (self.min..=self.max).contains(&value)
    }

    /// What the value is, for one that is not: `a whole number of threads`.
    pub(crate) fn kind(&self) -> String {
        format!("a whole number of {}", self.unit)
    }

    /// The bounds in words: `between 0 and 1024 threads`.
    pub(crate) fn bounds(&self) -> String {
        format!("between {} and {} {}", self.min, self.max, self.unit)
    }
}

impl Number {
    /// What the value is, for one that is not: `a number of seconds`.
    pub(crate) fn kind(&self) -> String {
        if self.unit.is_empty() {
            "a number".to_owned()
        } else {
            format!("a number of {}", self.unit)
        }
    }

    /// Whether the value is within the bounds; NaN is not.
    pub(crate) fn allows(&self, value: f64) -> bool {
        value <= self.max && (value > self.min || value == self.min && !self.above_min)
    }

    /// The bounds in words: `between 0.01 and 86400 seconds`, `in (0, 100]`.
    pub(crate) fn bounds(&self) -> String {
        let Self { min, max, unit, .. } = self;
        let bounds = if self.above_min {
            format!("in ({min}, {max}] {unit}")
        } else {
            format!("between {min} and {max} {unit}")
        };
        bounds.trim_end().to_owned()
    }
}

impl Text {
    /// What the text may be, for an error: without the marks of Markdown.
    pub(crate) fn bounds(&self) -> String {
        self.allowed.replace('`', "")
    }
}

impl Key {
    /// What is said about every key.
    pub(crate) fn about(self) -> &'static About {
        match self {
            Self::Whole(key) => &key.about,
            Self::Number(key) => &key.about,
            Self::Text(key) => &key.about,
            Self::List(key) => &key.about,
            Self::Switch(key) => &key.about,
        }
    }
}
