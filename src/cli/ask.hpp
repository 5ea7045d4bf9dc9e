#pragma once
#include <optional>
#include <string>
#include <vector>

#include "countersign/base/result.hpp"
#include "countersign/core/value.hpp"

namespace countersign::cli {

// What `request` and `run` are told about the request they file.
struct AskOptions {
    std::string action;
    std::string resource;
    std::string environment;
    std::string intent;
    std::vector<std::string> params;  // "k=v"
    std::string params_file;          // JSON object; "-": stdin
    std::vector<std::string> on_behalf_of;
    std::vector<std::string> sensitive;
    std::vector<std::string> labels;  // "k=v"
    std::vector<std::string> links;   // "TITLE=URL"
    std::string expires_in;
    std::string unreachable_after;
    bool json = false;
};

struct Ask {
    core::Value body;
    std::string digest;  // worked out here, never taken from the server
};

// `own`: members that the verb itself files (`run`); no --param may set one of them.
Result<Ask> make_ask(const AskOptions& options, const core::Value::Object& own = {});

// "120000", "true", "null", "[1]", "\"x\"" are JSON; a number not in its shortest form ("1.10", "007") and
// everything else is text.
core::Value parameter_value(const std::string& text);

}  // namespace countersign::cli
