//! The sections of the API.

/// The section that an operation belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    Carts,
    Orders,
    Histories,
    Catalogue,
    Log,
    Proof,
    Insights,
    Service,
    Pages,
}

impl Tag {
    /// All sections, in the order in which newcomers read them.
    pub const ALL: &'static [Tag] = &[
        Tag::Carts,
        Tag::Orders,
        Tag::Histories,
        Tag::Catalogue,
        Tag::Log,
        Tag::Proof,
        Tag::Insights,
        Tag::Service,
        Tag::Pages,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Tag::Carts => "Carts",
            Tag::Orders => "Orders",
            Tag::Histories => "Histories",
            Tag::Catalogue => "Catalogue",
            Tag::Log => "Log and views",
            Tag::Proof => "Proof",
            Tag::Insights => "Insights",
            Tag::Service => "Service",
            Tag::Pages => "Pages",
        }
    }

    pub fn description(self) -> &'static str {
        match self {
            Tag::Carts => {
                "Open a cart, change it, undo, check out. Each command responds with the updated \
                 cart."
            }
            Tag::Orders => {
                "An order follows a checkout: it is placed, and confirmed or cancelled. Reading \
                 one requires the token of its cart."
            }
            Tag::Histories => {
                "A cart's events, why its total is what it is, and what it would be without some \
                 events."
            }
            Tag::Catalogue => "The products on sale.",
            Tag::Log => {
                "The events of all carts, and the views built from them. Requires the operator \
                 token."
            }
            Tag::Proof => {
                "Signed checkpoints of the log and its Merkle tree, for those who do not trust \
                 this service. Public, unless `proof.public = false` makes them the operator's."
            }
            Tag::Insights => "Statistics from the event log. Requires the operator token.",
            Tag::Service => "Health, metrics and this document.",
            Tag::Pages => "The web pages.",
        }
    }
}
