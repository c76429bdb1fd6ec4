//! An endpoint: a path, and for each of its methods the rate limit that it counts against, the
//! handler and its OpenAPI description.
//!
//! HEAD works wherever GET does, OPTIONS responds with `Allow`, and an unsupported method gets 405
//! with `Allow` (RFC 9110).

use crate::web::http::path::names_something;
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::Rate;
use crate::web::http::request_meter::RequestMeter;
use crate::web::openapi::{Describe, Operations};
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder, web};

/// An endpoint under construction.
pub struct Endpoint {
    path: &'static str,
    resource: Resource,
    operations: Operations,
}

/// Begins the endpoint at `path`.
pub fn at(path: &'static str) -> Endpoint {
    Endpoint {
        path,
        resource: web::resource(path),
        operations: Vec::new(),
    }
}

impl Endpoint {
    pub fn get<F, Args>(mut self, rate: Rate, handler: F, describe: Describe) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let head = web::head().to(handler.clone());
        self.resource = self.resource.route(rate.limit(head));
        self.method(Method::GET, rate, handler, describe)
    }

    pub fn post<F, Args>(self, rate: Rate, handler: F, describe: Describe) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.method(Method::POST, rate, handler, describe)
    }

    pub fn put<F, Args>(self, rate: Rate, handler: F, describe: Describe) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.method(Method::PUT, rate, handler, describe)
    }

    pub fn delete<F, Args>(self, rate: Rate, handler: F, describe: Describe) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.method(Method::DELETE, rate, handler, describe)
    }

    fn method<F, Args>(mut self, method: Method, rate: Rate, handler: F, describe: Describe) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let route = web::method(method.clone()).to(handler);
        self.resource = self.resource.route(rate.limit(route));
        self.operations.push((method, rate, describe));
        self
    }

    /// The path and its operations.
    pub fn into_description(self) -> (&'static str, Operations) {
        (self.path, self.operations)
    }

    /// The routes as actix-web registers them below `prefix`, counted by `meter`.
    pub fn into_resource(self, prefix: &str, meter: &RequestMeter) -> Resource {
        let mut allowed: Vec<&str> = Vec::new();
        for (method, ..) in &self.operations {
            allowed.push(method.as_str());
            if *method == Method::GET {
                allowed.push("HEAD");
            }
        }
        allowed.push("OPTIONS");
        let allow = HeaderValue::from_str(&allowed.join(", "))
            .expect("names of methods make a header value");
        self.resource
            .app_data(meter.of_route(format!("{prefix}{}", self.path)))
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
