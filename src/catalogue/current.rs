//! The catalogue on offer now. A reload replaces it as a whole.

use super::{Catalogue, CatalogueError};
use crate::cart::{Currency, PromotionOffer};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// How many names of each kind a summary lists.
const LISTED: usize = 10;

/// The catalogue of a running service, which can read its files again.
#[derive(Debug)]
pub struct CurrentCatalogue {
    products: Option<PathBuf>,
    promotions: Option<PathBuf>,
    current: RwLock<Arc<Catalogue>>,
    /// Held during a reload, so that an older reading never replaces a newer one.
    reloading: Mutex<()>,
}

/// What a reload changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CatalogueChange {
    pub currency: Currency,
    /// By sku.
    pub products: EntryChanges,
    /// By code.
    pub promotions: EntryChanges,
}

/// How the entries of a file changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct EntryChanges {
    /// Number of entries now.
    pub total: usize,
    pub added: Vec<String>,
    pub removed: Vec<String>,
    pub changed: Vec<String>,
}

impl CurrentCatalogue {
    /// Reads the catalogue. A path of `None` selects the built-in file.
    pub fn load(
        products: Option<&Path>,
        promotions: Option<&Path>,
    ) -> Result<CurrentCatalogue, CatalogueError> {
        Ok(CurrentCatalogue {
            products: products.map(Path::to_owned),
            promotions: promotions.map(Path::to_owned),
            current: RwLock::new(Arc::new(Catalogue::load(products, promotions)?)),
            reloading: Mutex::new(()),
        })
    }

    /// The catalogue as it is now. A request takes it once, so that all it sees is of one reading.
    pub fn get(&self) -> Arc<Catalogue> {
        let current = self.current.read();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the files again, and logs what has changed. If they are invalid, the current catalogue
    /// stays in use.
    pub fn reload(&self) -> Result<CatalogueChange, CatalogueError> {
        let _reloading = self
            .reloading
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let read = Catalogue::load(self.products.as_deref(), self.promotions.as_deref());
        let new = Arc::new(read.inspect_err(|error| {
            tracing::error!(%error, "catalogue not reloaded; the previous one stays in use");
        })?);
        let change = CatalogueChange::between(&self.get(), &new);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = new;
        tracing::info!(
            products = %change.products,
            promotions = %change.promotions,
            currency = %change.currency,
            "catalogue reloaded"
        );
        Ok(change)
    }
}

impl CatalogueChange {
    fn between(old: &Catalogue, new: &Catalogue) -> CatalogueChange {
        fn products(catalogue: &Catalogue) -> BTreeMap<&str, &super::Product> {
            let products = catalogue.products().iter();
            products
                .map(|product| (product.sku().as_str(), product))
                .collect()
        }
        fn promotions(catalogue: &Catalogue) -> BTreeMap<&str, &PromotionOffer> {
            let offers = catalogue.offers.promotions();
            offers
                .map(|offer| (offer.promotion.code.as_str(), offer))
                .collect()
        }
        CatalogueChange {
            currency: new.currency,
            products: EntryChanges::between(&products(old), &products(new)),
            promotions: EntryChanges::between(&promotions(old), &promotions(new)),
        }
    }
}

impl EntryChanges {
    fn between<T: PartialEq>(old: &BTreeMap<&str, &T>, new: &BTreeMap<&str, &T>) -> EntryChanges {
        let names = |of: &BTreeMap<&str, &T>, choose: &dyn Fn(&str, &T) -> bool| {
            let chosen = of.iter().filter(|(name, entry)| choose(name, entry));
            chosen.map(|(name, _)| (*name).to_owned()).collect()
        };
        EntryChanges {
            total: new.len(),
            added: names(new, &|name, _| !old.contains_key(name)),
            removed: names(old, &|name, _| !new.contains_key(name)),
            changed: names(new, &|name, entry| {
                old.get(name).is_some_and(|before| *before != entry)
            }),
        }
    }
}

/// One line for the service's log.
impl fmt::Display for EntryChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.total)?;
        for (what, names) in [
            ("added", &self.added),
            ("removed", &self.removed),
            ("changed", &self.changed),
        ] {
            if names.is_empty() {
                continue;
            }
            let listed = &names[..names.len().min(LISTED)];
            write!(f, ", {} {what} ({}", names.len(), listed.join(" "))?;
            f.write_str(if names.len() > LISTED { " …)" } else { ")" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const PRODUCTS: &str = "currency = \"EUR\"\n\
        [[product]]\nsku = \"a\"\nname = \"A\"\ncategory = \"C\"\nprice = 1\n\
        [[product]]\nsku = \"b\"\nname = \"B\"\ncategory = \"C\"\nprice = 1\n";

    #[test]
    fn reload_swaps_valid_files_and_keeps_the_old_on_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("products.toml");
        fs::write(&path, PRODUCTS).unwrap();
        let catalogue = CurrentCatalogue::load(Some(&path), None).unwrap();
        let before = catalogue.get();
        let renamed = PRODUCTS.replace("\"b\"", "\"c\"");
        fs::write(&path, renamed.replacen("price = 1", "price = 2", 1)).unwrap();
        let change = catalogue.reload().unwrap();
        assert_eq!(change.products.added, ["c"]);
        assert_eq!(change.products.removed, ["b"]);
        assert_eq!(change.products.changed, ["a"]);
        assert_eq!(
            change.products.to_string(),
            "2, 1 added (c), 1 removed (b), 1 changed (a)"
        );
        let after = catalogue.get();
        assert_ne!(after.fingerprint(), before.fingerprint());
        fs::write(&path, "currency = \"EUR\"\n").unwrap();
        let refused = catalogue.reload().unwrap_err().to_string();
        assert!(refused.contains("products.toml, line 1"), "{refused}");
        assert_eq!(catalogue.get().fingerprint(), after.fingerprint());
    }
}
