//! What the node did in a day: charts with a gap, their table, and errors. A day takes too long for
//! a test, so that the answers of the service are made here.

use super::{Gallery, LARGE, SMALL, look_through};
use crate::service::Service;

const PAGE: &str = "a measured day";

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn measured_day_is_accessible_on_large_screens() {
    look_through(PAGE, LARGE, Service::start(), reach_all).await;
}

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn measured_day_is_accessible_on_small_screens() {
    look_through(PAGE, SMALL, Service::start(), reach_all).await;
}

/// Answers for a day of a busy node that was suspended for two hours and failed now and then, in
/// the place of those of the service.
const ANSWERS: &str = "{
    const answered = window.fetch;
    const step = 600_000, end = Date.parse('2026-11-30T18:20:00Z');
    const at = (number) => new Date(end - (144 - number) * step).toISOString();
    const steps = Array.from({ length: 144 }, (_, number) => {
        const wave = 1 + Math.sin(number / 23);
        const isQuiet = number < 20;
        return {
            from: at(number), to: at(number + 1),
            events: isQuiet ? 0 : Math.round(wave * 90_000), refused: (number * 7) % 23,
            errors: number % 48 === 47 ? 3 : 0, shed: number > 130 ? 1_234 : 0,
            append_p50_ms: isQuiet ? null : 0.4 + wave / 3,
            append_p99_ms: isQuiet ? null : 2 + wave * 9,
            lag_ms: number % 60 === 59 ? 14_400 : Math.round(wave * 8),
        };
    }).filter((_, number) => number < 70 || number >= 82);
    const items = Array.from({ length: 100 }, (_, number) => ({
        at: at(143 - number),
        method: number % 3 ? 'POST' : 'GET',
        path: number % 3 ? '/api/carts/{id}/items' : '/api/insights/products',
        status: number % 3 ? 503 : 500,
        trace_id: '0af7651916cd43dd8448eb211c80319c',
        cause: [
            null,
            'the log cannot be written: database or disk is full (/var/lib/cartlog/data/events.db)',
            'cannot tell whether the command was written: disk I/O error',
        ][number % 3],
    }));
    window.fetch = async (path, options) => {
        const response = await answered(path, options);
        if (path === '/api/failures') return Response.json({ items });
        if (!String(path).startsWith('/api/measurements')) return response;
        const measured = await response.json();
        return Response.json({ ...measured, since: at(0), steps });
    };
    }";

async fn reach_all(gallery: &Gallery<'_>, _: &mut Service) {
    let browser = gallery.browser;
    browser.open("/operations").await;
    browser.sees("measurements-chart").await;
    browser.script::<()>(ANSWERS).await;
    browser.click("measured-24h").await;
    browser
        .mentions("measurements-words", "in steps of 10 minutes")
        .await;
    browser
        .mentions("measurements-words", "Shaded times were not measured")
        .await;
    browser.mentions("failures-rows", "disk is full").await;
    gallery.look("charts with a gap, and errors").await;
    browser
        .script::<()>("document.querySelector('[data-testid=table-measurements]').open = true")
        .await;
    browser
        .mentions("table-measurements", "Events a second")
        .await;
    gallery.look("a table behind the charts").await;
}
