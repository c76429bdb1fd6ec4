//! A resource that knows its methods: HEAD wherever GET is, OPTIONS answered with `Allow`, and any
//! other method refused with it (RFC 9110).

use super::path::names_something;
use super::problem::{Kind, Problem};
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder, web};

/// A resource under construction.
pub struct Methods {
    resource: Resource,
    allowed: Vec<&'static str>,
}

/// Begins the resource at `path`.
pub fn at(path: &str) -> Methods {
    Methods {
        resource: web::resource(path),
        allowed: Vec::new(),
    }
}

impl Methods {
    pub fn get<F, Args>(mut self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.resource = self
            .resource
            .route(web::get().to(handler.clone()))
            .route(web::head().to(handler));
        self.allowed.extend(["GET", "HEAD"]);
        self
    }

    pub fn post<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.method(Method::POST, "POST", handler)
    }

    pub fn put<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.method(Method::PUT, "PUT", handler)
    }

    pub fn delete<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.method(Method::DELETE, "DELETE", handler)
    }

    fn method<F, Args>(mut self, method: Method, name: &'static str, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.resource = self.resource.route(web::method(method).to(handler));
        self.allowed.push(name);
        self
    }

    /// The finished resource.
    pub fn done(mut self) -> Resource {
        self.allowed.push("OPTIONS");
        let allow = HeaderValue::from_str(&self.allowed.join(", "))
            .expect("names of methods make a header value");
        self.resource
            .default_service(web::to(move |request: HttpRequest| {
                let allow = allow.clone();
                async move {
                    if !names_something(&request) {
                        return Err(Problem::not_found());
                    }
                    if request.method() == Method::OPTIONS {
                        return Ok(HttpResponse::build(StatusCode::NO_CONTENT)
                            .insert_header((header::ALLOW, allow))
                            .finish());
                    }
                    Err(Problem::new(
                        Kind::MethodNotAllowed,
                        format!(
                            "{} is not allowed here; {} are.",
                            request.method(),
                            allow.to_str().unwrap_or_default()
                        ),
                    )
                    .header(header::ALLOW, allow))
                }
            }))
    }
}
