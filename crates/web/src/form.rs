//! A form's fields: what was sent, and what is wrong with it.

/// One body or query: names with values, in order. A name may repeat.
#[derive(Debug, Clone, Default)]
pub struct Form {
    values: Vec<(String, String)>,
    pub problems: Vec<Problem>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The id of the field's element.
    pub field: &'static str,
    /// A sentence that says what to do.
    pub text: String,
}

impl Form {
    pub fn new(values: Vec<(String, String)>) -> Form {
        Form { values, problems: Vec::new() }
    }

    /// The first value of this name, or an empty text.
    pub fn value(&self, name: &str) -> &str {
        self.values.iter().find(|(it, _)| it == name).map_or("", |(_, value)| value)
    }

    /// The same, or none where it is empty.
    pub fn filled(&self, name: &str) -> Option<&str> {
        Some(self.value(name)).filter(|value| !value.is_empty())
    }

    /// With the values and problems of another in front of these: what was sent counts before what is stored.
    pub fn with(self, sent: Form) -> Form {
        Form { values: sent.values.into_iter().chain(self.values).collect(), problems: sent.problems }
    }

    pub fn all(&self, name: &str) -> Vec<&str> {
        self.values.iter().filter(|(it, _)| it == name).map(|(_, value)| value.as_str()).collect()
    }

    pub fn problem(&self, field: &str) -> Option<&str> {
        self.problems.iter().find(|it| it.field == field).map(|it| it.text.as_str())
    }

    pub fn refuse(&mut self, field: &'static str, text: impl Into<String>) {
        self.problems.push(Problem { field, text: text.into() });
    }
}
