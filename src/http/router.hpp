#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "countersign/net/route.hpp"
#include "http/call.hpp"

namespace countersign::http {

// Answers callers whose token is good. A failure becomes a problem document further up.
using CallerHandler = std::function<Later<net::HttpResponse>(Call& call)>;
// Answers anybody, with or without a token.
using OpenHandler = decltype(net::Route::answer);

struct Route {
    std::string method;
    std::string path;  // "/v1/requests/{id}"
    std::variant<CallerHandler, OpenHandler> handler;
    bool streams = false;
    // How callers of this path are told of failures, a bad token's too; empty: by a problem document.
    std::function<net::HttpResponse(const Failure&)> told = {};
    bool page = false;  // for people's browsers: no call of the API
};

// Which handler answers which method and path. Paths are told apart segment by segment, and each is decoded
// on its own: an escaped slash parts nothing.
class Router {
  public:
    void add(Route route);  // there must be none for the same method and path

    struct Match {
        const Route* route = nullptr;  // null: none
        net::PathArguments arguments;
        std::string allow;  // the methods that this path takes, where none fits
    };
    // `path` as it was sent. Broken escapes match nothing.
    Match find(std::string_view method, std::string_view path) const;
    // Method and path of each call of the API.
    std::vector<std::pair<std::string, std::string>> all() const;

  private:
    struct Entry {
        Route route;
        std::vector<std::string> pattern;  // its path, by segments
    };
    std::vector<Entry> entries_;
};

}  // namespace countersign::http
