//! `/api/carts/{id}/events`: a cart's history, in pages, as CloudEvents, and live.

use crate::app::TestApp;

#[tokio::test]
async fn a_follower_gets_every_event_once_also_over_a_break() {
    let app = TestApp::start();
    let cart = app.open_cart_with(&[("teapot", 1)]).await;
    let mut stream = cart.follow(Some(0)).await;
    let mut seen = Vec::new();
    for _ in 0..2 {
        seen.push(stream.next().await.expect("an event that was missed"));
    }
    cart.add("sencha", 2).await.expect(201);
    seen.push(stream.next().await.expect("an event as it comes"));
    drop(stream);
    cart.remove("teapot").await.expect(200);
    let mut stream = cart.follow(Some(3)).await;
    seen.push(stream.next().await.expect("the event of the break"));

    let ids: Vec<&str> = seen.iter().map(|sent| sent.id.as_str()).collect();
    assert_eq!(ids, ["1", "2", "3", "4"]);
    let page = cart.events().await.expect(200).json();
    let sent: Vec<_> = seen.into_iter().map(|sent| sent.data).collect();
    assert_eq!(page["items"].as_array(), Some(&sent));
}
