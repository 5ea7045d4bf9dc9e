#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "countersign/net/http.hpp"

// Headers, cookies and checks of origin that every page of ours needs beside its text.
namespace countersign::net {

// A page says here what it must be allowed beside being read.
struct PageNeeds {
    bool scripts = false;  // it runs scripts of this server
    bool origin =
        false;  // its forms are taken only where the browser says from where they come: from_own_page
};
// Answers with a page that stands in no frame of anybody, loads nothing but from here, runs no script unless
// it needs its own, sends its forms nowhere but here, tells no other site where its reader came from, and
// stays in no cache.
HttpResponse html_response(unsigned status, std::string document, PageNeeds needs = {});
// 303: the browser goes on with a GET.
HttpResponse see_other(std::string address);

// A cookie of this host alone, which no script reads and no other site's form sends. Over https its name
// begins with `__Host-` (RFC 6265bis §4.1.3), so that no neighbour domain can set it.
class Cookie {
  public:
    // `public_url`: of this server, as browsers see it.
    Cookie(std::string_view name, std::string_view public_url);
    // Adds it to an answer. It ends after `life`, or with the browser before that. The value is made of
    // letters, digits, `-`, `_` and `.`.
    void set(HttpResponse& response, std::string_view value, std::chrono::seconds life) const;
    void end(HttpResponse& response) const;
    // nullopt: the browser sent none, or several.
    std::optional<std::string> read(const Fields& fields) const;

  private:
    std::string name_;
    bool secure_;
};

// Says whether the browser tells that a form was sent from a page of this very server.
bool from_own_page(const Fields& fields, std::string_view public_url);

}  // namespace countersign::net
