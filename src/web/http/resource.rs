//! A resource that knows its methods, and for each its handler and what describes it: HEAD wherever
//! GET is, OPTIONS answered with `Allow`, and any other method refused with it (RFC 9110).

use crate::web::http::path::names_something;
use crate::web::http::problem::{Kind, Problem};
use crate::web::openapi::Describe;
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder, web};

/// A resource under construction.
pub struct Methods {
    path: &'static str,
    resource: Resource,
    described: Vec<(Method, Describe)>,
}

/// Begins the resource at `path`.
pub fn at(path: &'static str) -> Methods {
    Methods {
        path,
        resource: web::resource(path),
        described: Vec::new(),
    }
}

impl Methods {
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

    /// The path and the methods, each with what describes it.
    pub fn described(self) -> (&'static str, Vec<(Method, Describe)>) {
        (self.path, self.described)
    }

    /// The finished resource.
    pub fn done(self) -> Resource {
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
