//! What a person does with a page, with the mouse and on the keyboard. Each step waits until a
//! person could take it.

use crate::browser::Browser;
use crate::senses::{PATIENCE, selector};
use crate::webdriver::{ELEMENT, key};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How long a mouse rests on a thing: longer than pages that fetch ahead wait for.
const HOVER: Duration = Duration::from_millis(150);

impl Browser {
    /// Clicks an element once it can be clicked.
    pub async fn click(&self, id: &str) {
        self.act(id, "click", json!({})).await;
    }

    /// Types into a field.
    pub async fn write(&self, id: &str, text: &str) {
        self.act(id, "value", json!({ "text": text })).await;
    }

    /// Checks out: the review, and the order.
    pub async fn check_out(&self) {
        self.click("checkout").await;
        self.click("place-order").await;
    }

    /// Types into a field in place of what it has.
    pub async fn replace(&self, id: &str, text: &str) {
        self.click(id).await;
        self.press_while(key::CONTROL, "a").await;
        self.press(text).await;
    }

    async fn act(&self, id: &str, action: &str, body: Value) {
        self.sees(id).await;
        let until = Instant::now() + PATIENCE;
        let css = selector(id);
        loop {
            let acted = self.session().act(&css, action, body.clone()).await;
            match acted {
                Ok(()) => return,
                // Covered by an animation, or replaced: retried. A floating element covers it for
                // longer: scroll.
                Err(error) if error.passes() && Instant::now() < until => {
                    let id = json!(id);
                    self.script::<()>(&format!("at({id})?.scrollIntoView({{ block: 'center' }})"))
                        .await;
                }
                Err(error) => panic!("{action} on {id}: {error}"),
            }
        }
    }

    /// Presses keys, one after another, wherever the focus is.
    pub async fn press(&self, keys: &str) {
        self.press_while("", keys).await;
    }

    /// Presses keys while others are held down.
    pub async fn press_while(&self, held: &str, keys: &str) {
        let pressed = self.session().type_keys(held, keys, 0).await;
        pressed.expect("keys can be pressed");
    }

    /// Presses a key as one that is held down repeats itself, thirty times a second.
    pub async fn repeat(&self, key: &str, times: usize) {
        let pressed = self.session().type_keys("", &key.repeat(times), 33).await;
        pressed.expect("keys can be pressed");
    }

    /// Clicks an element with the shift key held down.
    pub async fn click_with_shift(&self, id: &str) {
        let over = self.over(id).await;
        let keys = json!({ "type": "key", "id": "keyboard", "actions": [
            { "type": "keyDown", "value": key::SHIFT },
            { "type": "pause" }, { "type": "pause" }, { "type": "pause" },
            { "type": "keyUp", "value": key::SHIFT },
        ] });
        let mouse = json!({ "type": "pointer", "id": "mouse", "actions": [
            { "type": "pause" }, over,
            { "type": "pointerDown", "button": 0 }, { "type": "pointerUp", "button": 0 },
        ] });
        self.tell("actions", json!({ "actions": [keys, mouse] }))
            .await;
    }

    /// Clicks an element so many times as fast as the browser takes it.
    pub async fn click_in_a_burst(&self, id: &str, times: usize) {
        let mut actions = vec![self.over(id).await];
        for _ in 0..times {
            actions.push(json!({ "type": "pointerDown", "button": 0 }));
            actions.push(json!({ "type": "pointerUp", "button": 0 }));
        }
        let clicked = self.session().move_mouse(actions).await;
        clicked.expect("the mouse can be clicked");
    }

    /// Moves the mouse over elements, and lets it rest on each for a moment.
    pub async fn hover(&self, ids: &[&str]) {
        let mut actions = Vec::new();
        for id in ids {
            actions.push(self.over(id).await);
            actions.push(json!({ "type": "pause", "duration": HOVER.as_millis() as u64 }));
        }
        let moved = self.session().move_mouse(actions).await;
        moved.expect("the mouse can be moved");
    }

    /// The mouse's way to the middle of an element.
    async fn over(&self, id: &str) -> Value {
        self.sees(id).await;
        self.rests().await;
        let element = self.session().find(&selector(id)).await;
        let element = element.expect("an element that is seen");
        let origin = json!({ ELEMENT: element });
        json!({ "type": "pointerMove", "duration": 0, "x": 0, "y": 0, "origin": origin })
    }
}
