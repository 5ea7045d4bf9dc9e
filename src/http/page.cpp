#include "http/page.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "countersign/base/crypto.hpp"
#include "countersign/base/markup.hpp"
#include "countersign/pages/pages.hpp"
#include "countersign/wire/problem.hpp"

namespace countersign::http {
namespace {

struct Asset {
    std::string_view name;
    std::string_view type;
    std::string_view content;
    std::string tag;  // of this very content
};

const std::array<Asset, 2>& assets() {
    auto made = [](std::string_view name, std::string_view type, std::string_view content) {
        return Asset{name, type, content, sha256_hex(content).substr(0, 16)};
    };
    static const std::array all{made("pages.css", "text/css; charset=utf-8", pages::style),
                                made("receipt.js", "text/javascript; charset=utf-8", pages::receipt_script)};
    return all;
}

// Its address changes with its content, so that no reader's browser mixes two releases.
std::string address_of(std::string_view root, std::string_view name) {
    const auto* asset = std::ranges::find(assets(), name, &Asset::name);
    return fmt::format("{}assets/{}?v={}", root, name, asset == assets().end() ? "" : asset->tag);
}

rt::asio::awaitable<net::HttpResponse> asset_named(std::string name) {
    const auto* asset = std::ranges::find(assets(), name, &Asset::name);
    net::HttpResponse response;
    if (asset == assets().end()) {
        const Failure none{Trouble::not_found, "there is nothing at this path", "not_found", {}};
        co_return json_answer(404, core::canonical(wire::problem_document(404, none)),
                              "application/problem+json");
    }
    response.fields.add("Content-Type", std::string(asset->type));
    response.fields.add("Cache-Control", "public, max-age=86400");
    response.fields.add("X-Content-Type-Options", "nosniff");
    response.body = asset->content;
    co_return response;
}

}  // namespace

net::HttpResponse page_answer(unsigned status, const Page& page) {
    std::string script;
    if (!page.script.empty())
        script = fmt::format("<script src=\"{}\" defer></script>\n", address_of(page.root, page.script));
    net::HttpResponse response;
    response.status = status;
    response.body = fmt::format(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"robots\" content=\"noindex\">\n<title>{}</title>\n"
        "<link rel=\"icon\" href=\"data:,\">\n<link rel=\"stylesheet\" href=\"{}\">\n{}</head>\n<body>\n{}"
        "</body>\n</html>\n",
        escape_markup(page.title), address_of(page.root, "pages.css"), script, page.body);
    response.fields.add("Content-Type", "text/html; charset=utf-8");
    response.fields.add("Cache-Control", "no-store");
    response.fields.add("Content-Security-Policy",
                        "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
                        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'");
    response.fields.add("Referrer-Policy", "no-referrer");
    response.fields.add("X-Content-Type-Options", "nosniff");
    response.fields.add("X-Frame-Options", "DENY");
    return response;
}

Route assets_route() {
    return {.method = "GET",
            .path = "/assets/{name}",
            .handler = OpenHandler(
                [](net::HttpExchange&, const net::PathArguments& arguments)
                    -> rt::asio::awaitable<net::HttpResponse> { return asset_named(arguments.front()); }),
            .page = true};
}

}  // namespace countersign::http
