//! An endpoint: a path, and for each of its methods the handler and its OpenAPI description.
//!
//! HEAD works wherever GET does, OPTIONS responds with `Allow`, and an unsupported method gets 405
//! with `Allow` (RFC 9110).

use crate::web::http::path::names_something;
use crate::web::http::problem::{Kind, Problem};
use crate::web::openapi::Describe;
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder, web};

/// An endpoint under construction.
pub struct Endpoint {
    path: &'static str,
    resource: Resource,
    described: Vec<(Method, Describe)>,
}

/// Begins the endpoint at `path`.
pub fn at(path: &'static str) -> Endpoint {
    Endpoint {
        path,
        resource: web::resource(path),
        described: Vec::new(),
    }
}

impl Endpoint {
    pub fn get<F, Args>(mut self, handler: F, describe: Describe) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.resource = self.resource.route(web::head().to(handler.clone()));
        self.method(Method::GET, handler, describe)
    }

    pub fn post<F, Args>(self, handler: F, describe: Describe) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.method(Method::POST, handler, describe)
    }

    pub fn put<F, Args>(self, handler: F, describe: Describe) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.method(Method::PUT, handler, describe)
    }

    pub fn delete<F, Args>(self, handler: F, describe: Describe) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.method(Method::DELETE, handler, describe)
    }

    fn method<F, Args>(mut self, method: Method, handler: F, describe: Describe) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.resource = self.resource.route(web::method(method.clone()).to(handler));
        self.described.push((method, describe));
        self
    }

    /// The path, and each method with its description.
    pub fn into_description(self) -> (&'static str, Vec<(Method, Describe)>) {
        (self.path, self.described)
    }

    /// The routes as actix-web registers them.
    pub fn into_resource(self) -> Resource {
        let mut allowed: Vec<&str> = Vec::new();
        for (method, _) in &self.described {
            allowed.push(method.as_str());
            if *method == Method::GET {
                allowed.push("HEAD");
            }
        }
        allowed.push("OPTIONS");
        let allow = HeaderValue::from_str(&allowed.join(", "))
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
                            "{} is not supported here. Supported methods: {}.",
                            request.method(),
                            allow.to_str().unwrap_or_default()
                        ),
                    )
                    .header(header::ALLOW, allow))
                }
            }))
    }
}
