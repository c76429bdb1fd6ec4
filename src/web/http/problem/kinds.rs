//! The macro that makes the enum of problem types from their list, so that no type lacks a part.

macro_rules! kinds {
    ($($kind:ident {
        slug: $slug:literal, status: $status:ident, title: $title:literal,
        meaning: $meaning:literal,
        remedy: $remedy:literal,
        members: [$($member:expr),*],
    })+) => {
        /// The problem types.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind { $($kind),+ }

        impl Kind {
            /// All types, ordered by status.
            pub const ALL: &'static [Kind] = &[$(Kind::$kind),+];

            /// The last segment of the type's address, `/problems/<slug>`.
            pub fn slug(self) -> &'static str {
                match self { $(Kind::$kind => $slug),+ }
            }

            /// The type's address, which is also that of its page.
            pub fn address(self) -> String {
                format!("/problems/{}", self.slug())
            }

            pub fn status(self) -> StatusCode {
                match self { $(Kind::$kind => StatusCode::$status),+ }
            }

            pub fn title(self) -> &'static str {
                match self { $(Kind::$kind => $title),+ }
            }

            /// What happened.
            pub fn meaning(self) -> &'static str {
                match self { $(Kind::$kind => $meaning),+ }
            }

            /// How to fix it.
            pub fn remedy(self) -> &'static str {
                match self { $(Kind::$kind => $remedy),+ }
            }

            /// The fields that such a problem has beside those of every problem.
            pub fn members(self) -> &'static [(Member, Presence)] {
                match self { $(Kind::$kind => &[$($member),*]),+ }
            }
        }
    };
}
