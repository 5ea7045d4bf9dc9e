#pragma once
#include <optional>
#include <string>
#include <vector>

#include "countersign/base/result.hpp"
#include "countersign/core/request.hpp"
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
    std::string digest;     // worked out here, never taken from the server
    core::Request request;  // what it is the digest of
    std::vector<std::string> sensitive;
};

// `own`: members that the verb itself files (`run`); no --param may set one of them.
Result<Ask> make_ask(const AskOptions& options, const core::Value::Object& own = {});

// The digest of what was filed, worked out here: hidden values enter it salted, and only the reply to whoever
// asked has the salt. invalid_input: it has none, or a pointer leads nowhere.
Result<std::string> digest_as_filed(const Ask& ask, const core::Value& reply);

// "120000", "true", "null", "[1]", "\"x\"" are JSON; a number not in its shortest form ("1.10", "007") and
// everything else is text.
core::Value parameter_value(const std::string& text);

}  // namespace countersign::cli
