#include "countersign/pages/page.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "countersign/base/crypto.hpp"
#include "countersign/base/markup.hpp"
#include "countersign/pages/pages.hpp"

namespace countersign::pages {
namespace {

const std::array<Asset, 2>& assets() {
    auto made = [](std::string_view name, std::string_view type, std::string_view content) {
        return Asset{name, type, content, sha256_hex(content).substr(0, 16)};
    };
    static const std::array all{made("pages.css", "text/css; charset=utf-8", style),
                                made("receipt.js", "text/javascript; charset=utf-8", receipt_script)};
    return all;
}

// Its address changes with its content, so that no reader's browser mixes two releases.
std::string address_of(std::string_view root, std::string_view name) {
    const auto* asset = find_asset(name);
    return fmt::format("{}assets/{}?v={}", root, name, asset == nullptr ? "" : asset->tag);
}

}  // namespace

const Asset* find_asset(std::string_view name) {
    const auto* asset = std::ranges::find(assets(), name, &Asset::name);
    return asset == assets().end() ? nullptr : asset;
}

std::string html_page(const Page& page) {
    std::string script;
    if (!page.script.empty())
        script = fmt::format("<script src=\"{}\" defer></script>\n", address_of(page.root, page.script));
    return fmt::format(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"robots\" content=\"noindex\">\n<title>{}</title>\n"
        "<link rel=\"icon\" href=\"data:,\">\n<link rel=\"stylesheet\" href=\"{}\">\n{}</head>\n<body>\n{}"
        "</body>\n</html>\n",
        escape_markup(page.title), address_of(page.root, "pages.css"), script, page.body);
}

std::string html_paragraph(std::string_view text) {
    return fmt::format("<p>{}</p>\n", escape_markup(text));
}

}  // namespace countersign::pages
