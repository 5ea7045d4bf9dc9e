#pragma once
#include <functional>
#include <string>

#include "countersign/base/result.hpp"
#include "countersign/core/value.hpp"

// What an answer of the API looks like. Whatever stands between us and the server may answer 200 as well,
// with a page of its own: what is not understood is no answer.
namespace countersign::cli {

using Shape = std::function<bool(const core::Value&)>;

bool is_object(const core::Value& body);
// A request with an id, a number, a version, a digest and a state that is known here.
bool is_request(const core::Value& body);
// The one that was asked for: `name` is "req_…" or a number, as `request_name` gives it.
Shape is_request_named(std::string name);
bool is_request_list(const core::Value& body);
bool is_claim(const core::Value& body);
bool is_key_set(const core::Value& body);
// RFC 9457 with our `code`, for the status that it came with.
bool is_problem(const core::Value& body, unsigned status);

// "req_…", "9" or "#9" as it stands in a path: the id, or the number's digits. invalid_input: it is neither.
Result<std::string> request_name(const std::string& text);

}  // namespace countersign::cli
