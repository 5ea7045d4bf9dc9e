#include "countersign/net/html_response.hpp"

#include <utility>

#include "countersign/base/text.hpp"
#include "countersign/net/url.hpp"

namespace countersign::net {

HttpResponse html_response(unsigned status, std::string document, PageNeeds needs) {
    HttpResponse response;
    response.status = status;
    std::string policy =
        "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'";
    if (needs.scripts) policy += "; script-src 'self'";
    response.fields.add("Content-Type", "text/html; charset=utf-8");
    response.fields.add("Content-Security-Policy", std::move(policy));
    response.fields.add("X-Content-Type-Options", "nosniff");
    response.fields.add("X-Frame-Options", "DENY");
    // With `no-referrer`, browsers say `Origin: null` of our own forms.
    response.fields.add("Referrer-Policy", needs.origin ? "same-origin" : "no-referrer");
    response.fields.add("Cross-Origin-Opener-Policy", "same-origin");
    response.fields.add("Cache-Control", "no-store");
    response.body = std::move(document);
    return response;
}

HttpResponse see_other(std::string address) {
    HttpResponse response;
    response.status = 303;
    response.fields.add("Location", std::move(address));
    response.fields.add("Referrer-Policy", "no-referrer");
    response.fields.add("Cache-Control", "no-store");
    return response;
}

Cookie::Cookie(std::string_view name, std::string_view public_url)
    : name_(name), secure_(public_url.starts_with("https://")) {
    if (secure_) name_.insert(0, "__Host-");
}

void Cookie::set(HttpResponse& response, std::string_view value, std::chrono::seconds life) const {
    // Lax: it comes along when the browser is sent back from the OpenID provider, and with no other site's
    // forms.
    std::string field = name_ + "=" + std::string(value) +
                        "; Path=/; HttpOnly; SameSite=Lax; Max-Age=" + std::to_string(life.count());
    if (secure_) field += "; Secure";
    response.fields.add("Set-Cookie", std::move(field));
}

void Cookie::end(HttpResponse& response) const {
    set(response, "", std::chrono::seconds{0});
}

std::optional<std::string> Cookie::read(const Fields& fields) const {
    std::optional<std::string> found;
    for (const auto& [name, value] : fields) {
        if (lower_ascii(name) != "cookie") continue;
        for (const std::string& part : split(value, ';')) {
            const auto pair = trim(part);
            const auto equals = pair.find('=');
            if (equals == std::string_view::npos || pair.substr(0, equals) != name_) continue;
            if (found) return std::nullopt;
            found = std::string(pair.substr(equals + 1));
        }
    }
    return found;
}

bool from_own_page(const Fields& fields, std::string_view public_url) {
    const auto origin = fields.find("Origin");
    const auto own = parse_url(public_url);
    return origin && own && fields.count("Origin") == 1 && *origin == own->origin();
}

}  // namespace countersign::net
