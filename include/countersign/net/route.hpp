#pragma once
#include <functional>
#include <string>
#include <vector>

#include "countersign/net/http_server.hpp"

namespace countersign::net {

// The segments that "{…}" in a route's path stand for are kept in their order, each decoded.
using PathArguments = std::vector<std::string>;

// A path that an adapter answers by itself, its callers' credentials included.
struct Route {
    std::string method;
    std::string path;  // "/log/{name}": a hole is a whole segment; "{name+}" at the end: one or more
    std::function<rt::asio::awaitable<HttpResponse>(HttpExchange& exchange, const PathArguments& arguments)>
        answer;
};

}  // namespace countersign::net
