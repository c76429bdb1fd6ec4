//! The parts of the interface.

/// The part of the interface that an operation belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    Carts,
    Histories,
    Catalogue,
    Log,
    Insights,
    Service,
    Pages,
}

impl Tag {
    /// All parts, in the order in which a newcomer wants to read them.
    pub const ALL: &'static [Tag] = &[
        Tag::Carts,
        Tag::Histories,
        Tag::Catalogue,
        Tag::Log,
        Tag::Insights,
        Tag::Service,
        Tag::Pages,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Tag::Carts => "Carts",
            Tag::Histories => "Histories",
            Tag::Catalogue => "Catalogue",
            Tag::Log => "The log and its views",
            Tag::Insights => "Insights",
            Tag::Service => "The service",
            Tag::Pages => "Pages",
        }
    }

    pub fn description(self) -> &'static str {
        match self {
            Tag::Carts => {
                "Open a cart, change it, undo, check out. A command answers with the cart as it is after it."
            }
            Tag::Histories => {
                "What has happened in a cart, why its numbers are what they are, and what would be if something had not happened."
            }
            Tag::Catalogue => "What the shop offers.",
            Tag::Log => {
                "What has happened in all carts, and the views that are made of it. For the operator."
            }
            Tag::Insights => "What the shop can learn from its log. For the operator.",
            Tag::Service => "Whether the service is well, and what it can do.",
            Tag::Pages => "The shop, the history, the insights and the operations, for people.",
        }
    }
}
