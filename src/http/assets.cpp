#include "http/assets.hpp"

#include <string>

#include "countersign/pages/page.hpp"
#include "countersign/wire/problem.hpp"

namespace countersign::http {
namespace {

rt::asio::awaitable<net::HttpResponse> asset_named(std::string name) {
    const auto* asset = pages::find_asset(name);
    net::HttpResponse response;
    if (asset == nullptr) {
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

Route assets_route() {
    return {.method = "GET",
            .path = "/assets/{name}",
            .handler = OpenHandler(
                [](net::HttpExchange&, const net::PathArguments& arguments)
                    -> rt::asio::awaitable<net::HttpResponse> { return asset_named(arguments.front()); }),
            .page = true};
}

}  // namespace countersign::http
