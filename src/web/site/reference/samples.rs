//! The request of an operation as a curl command and as JavaScript. What differs from cart to cart
//! is a variable, everything else is the recorded request.

use super::html::{escaped, list, pretty};
use crate::web::openapi::examples::{Exchange, exchanges};
use serde_json::Value;
use std::fmt::Write;

/// Headers that the recorded requests have for other reasons than to succeed.
const OPTIONAL: [&str; 3] = ["traceparent", "X-Correlation-Id", "If-None-Match"];

/// Whose token a request carries.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Token {
    None,
    Cart,
    Operator,
    Warehouse,
}

impl Token {
    /// The token that an operation's `security` names.
    pub fn of(operation: &Value) -> Token {
        let required = |name| list(&operation["security"]).any(|it| it.get(name).is_some());
        match () {
            () if required("cart_token") => Token::Cart,
            () if required("operator_token") => Token::Operator,
            () if required("warehouse_token") => Token::Warehouse,
            () => Token::None,
        }
    }

    /// The variable that has it, in a shell and in a script.
    fn variables(self) -> Option<(&'static str, &'static str)> {
        match self {
            Token::None => None,
            Token::Cart => Some(("cart_token", "cartToken")),
            Token::Operator => Some(("operator_token", "operatorToken")),
            Token::Warehouse => Some(("warehouse_token", "warehouseToken")),
        }
    }
}

/// A request with its variables.
pub struct Sample<'a> {
    method: &'a str,
    exchange: &'a Exchange,
    token: Token,
}

impl<'a> Sample<'a> {
    pub fn of(method: &'a str, exchange: &'a Exchange, token: Token) -> Sample<'a> {
        Sample {
            method,
            exchange,
            token,
        }
    }

    /// Path and query, with variables in the places of what differs from cart to cart.
    fn path(&self, variable: impl Fn(&str) -> String) -> String {
        let path = self.exchange.request.path.clone();
        let recorded = [
            ("id", story("openCart", "id")),
            ("share", story("shareCart", "token")),
            ("order", story("checkOut", "order_id")),
        ];
        let recorded = recorded
            .into_iter()
            .filter_map(|(name, it)| Some((name, it?)));
        recorded.fold(path, |path, (name, value)| {
            path.replace(value, &variable(name))
        })
    }

    fn headers(&self) -> impl Iterator<Item = (&String, &String)> {
        let headers = self.exchange.request.headers.iter();
        headers.filter(|(name, _)| !OPTIONAL.contains(&name.as_str()))
    }

    pub fn curl(&self) -> String {
        let mut line = match self.method {
            "GET" => format!("curl -i \"$shop{}\"", self.path(in_shell)),
            method => format!("curl -i -X {method} \"$shop{}\"", self.path(in_shell)),
        };
        if let Some((variable, _)) = self.token.variables() {
            let _ = write!(line, " \\\n  -H \"Authorization: Bearer ${variable}\"");
        }
        for (name, value) in self.headers() {
            let _ = write!(line, " \\\n  -H '{name}: {value}'");
        }
        if let Some(body) = &self.exchange.request.body {
            let _ = write!(
                line,
                " \\\n  -H 'Content-Type: application/json' \\\n  -d '{body}'"
            );
        }
        line
    }

    pub fn javascript(&self) -> String {
        let mut options = String::new();
        if self.method != "GET" {
            let _ = writeln!(options, "  method: \"{}\",", self.method);
        }
        let mut headers = String::new();
        if let Some((_, variable)) = self.token.variables() {
            let _ = writeln!(headers, "    Authorization: `Bearer ${{{variable}}}`,");
        }
        for (name, value) in self.headers() {
            let _ = writeln!(headers, "    \"{name}\": {},", Value::from(value.as_str()));
        }
        let body = self.exchange.request.body.as_ref();
        if body.is_some() {
            headers += "    \"Content-Type\": \"application/json\",\n";
        }
        if !headers.is_empty() {
            let _ = write!(options, "  headers: {{\n{headers}  }},\n");
        }
        if let Some(body) = body {
            let body = pretty(body).replace('\n', "\n  ");
            let _ = writeln!(options, "  body: JSON.stringify({body}),");
        }
        let path = self.path(in_script);
        let options = match options.as_str() {
            "" => String::new(),
            options => format!(", {{\n{options}}}"),
        };
        let read = match &self.exchange.response.body {
            None => "response.status",
            Some(Value::String(_)) => "await response.text()",
            Some(_) => "await response.json()",
        };
        format!("const response = await fetch(`${{shop}}{path}`{options});\nconsole.log({read});")
    }

    /// Both forms with their switch and a button that copies the one that is shown.
    pub fn html(&self, name: &str) -> String {
        block(name, &self.curl(), &self.javascript())
    }
}

/// The values of path parameters of pages and files, which the story does not have.
const PAGE_VALUES: [(&str, &str); 3] = [
    ("{sku}", "teapot"),
    ("{slug}", "cart-closed"),
    ("{file}", "css/base.css"),
];

/// The sample of a page or a file.
pub fn page(name: &str, template: &str, token: Token) -> String {
    let values = PAGE_VALUES.iter();
    let path = values.fold(template.to_owned(), |path, (parameter, value)| {
        path.replace(parameter, value)
    });
    let with = |variable: fn(&str) -> String| {
        let id = if path.starts_with("/orders/") {
            "order"
        } else {
            "id"
        };
        let path = path.replace("{id}", &variable(id));
        path.replace("{token}", &variable("share"))
    };
    let mut curl = format!("curl -i \"$shop{}\"", with(in_shell));
    let mut options = String::new();
    if let Some((in_shell, in_script)) = token.variables() {
        let _ = write!(curl, " \\\n  -H \"Authorization: Bearer ${in_shell}\"");
        options = format!(", {{\n  headers: {{ Authorization: `Bearer ${{{in_script}}}` }},\n}}");
    }
    let script = format!(
        "const response = await fetch(`${{shop}}{}`{options});\n\
         console.log(await response.text());",
        with(in_script)
    );
    block(name, &curl, &script)
}

fn in_shell(variable: &str) -> String {
    format!("${variable}")
}

fn in_script(variable: &str) -> String {
    format!("${{{variable}}}")
}

/// A member of the first response to `operation` in the story.
fn story(operation: &str, member: &str) -> Option<&'static str> {
    let exchange = exchanges(operation).first()?;
    exchange.response.body.as_ref()?[member].as_str()
}

/// A sample in both languages, by whose `name` tests find its buttons.
pub fn block(name: &str, curl: &str, javascript: &str) -> String {
    format!(
        "<div class=\"sample\"><div class=\"sample-head\">\
         <div class=\"switch\" role=\"group\" aria-label=\"Language of the samples\">\
         <button type=\"button\" data-language=\"curl\" aria-pressed=\"true\">curl</button>\
         <button type=\"button\" data-language=\"js\" aria-pressed=\"false\" \
         data-testid=\"{name}-js\">JavaScript</button>\
         </div><button type=\"button\" class=\"copy\" data-copy \
         data-testid=\"{name}-copy\">Copy</button>\
         </div><pre tabindex=\"0\" data-sample=\"curl\"><code>{}</code></pre>\
         <pre tabindex=\"0\" data-sample=\"js\"><code>{}</code></pre></div>",
        escaped(curl),
        escaped(javascript)
    )
}

/// An example of a response.
pub fn response(status: &str, media_type: &str, body: &Value) -> String {
    let text = body.as_str().map_or_else(|| pretty(body), str::to_owned);
    format!(
        "<div class=\"sample\"><div class=\"sample-head\"><span><strong>{status}</strong> {}</span>\
         <button type=\"button\" class=\"copy\" data-copy>Copy</button></div>\
         <pre tabindex=\"0\"><code>{}</code></pre></div>",
        escaped(media_type),
        escaped(&text)
    )
}
