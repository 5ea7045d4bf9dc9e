#pragma once
#include <string>
#include <string_view>

#include "countersign/app/caller.hpp"
#include "countersign/net/route.hpp"
#include "http/input.hpp"

namespace countersign::http {

// One call that has passed the gate.
struct Call {
    net::HttpExchange& exchange;
    Target target;
    net::PathArguments arguments;
    app::Caller caller;
    Deadline deadline;
    bool waited = false;  // the answer came late on purpose
};

// An answer with a JSON body; nothing of ours may be cached.
net::HttpResponse json_answer(unsigned status, std::string body, std::string_view type = "application/json");

}  // namespace countersign::http
