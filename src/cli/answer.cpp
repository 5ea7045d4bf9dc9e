#include "cli/answer.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "countersign/base/text.hpp"
#include "countersign/core/ids.hpp"
#include "countersign/core/request_number.hpp"

namespace countersign::cli {
namespace {

constexpr std::array<std::string_view, 10> states{"pending",   "approved", "denied",    "refused", "expired",
                                                  "cancelled", "claimed",  "succeeded", "failed",  "lapsed"};

bool is_digest(std::string_view text) {
    constexpr std::string_view begin = "sha256:";
    if (!text.starts_with(begin)) return false;
    text.remove_prefix(begin.size());
    return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

bool is_object(const core::Value& body) {
    return body.members() != nullptr;
}

bool is_request(const core::Value& body) {
    return is_object(body) && core::RequestId::parse(body["id"].text()) && body["number"].whole() > 0 &&
           body["version"].whole() > 0 && is_digest(body["digest"].text()) &&
           !body["action"].text().empty() && std::ranges::find(states, body["state"].text()) != states.end();
}

Shape is_request_named(std::string name) {
    return [name = std::move(name)](const core::Value& body) {
        return is_request(body) &&
               (body["id"].text() == name || fmt::format("{}", body["number"].whole()) == name);
    };
}

bool is_request_list(const core::Value& body) {
    const auto* requests = body["requests"].items();
    if (requests == nullptr || !std::ranges::all_of(*requests, is_request)) return false;
    const auto* cursor = body.members()->find("next_cursor");
    return cursor != nullptr && (cursor->is_null() || !cursor->text().empty());
}

bool is_claim(const core::Value& body) {
    return !body["grant"].text().empty() && is_request(body["request"]);
}

bool is_key_set(const core::Value& body) {
    return body["keys"].items() != nullptr;
}

bool is_problem(const core::Value& body, unsigned status) {
    return body["status"].whole() == status && !body["code"].text().empty() && !body["detail"].text().empty();
}

Result<std::string> request_name(const std::string& text) {
    if (core::RequestId::parse(text)) return text;
    if (auto number = core::request_number(text)) return std::to_string(*number);
    return fail(Trouble::invalid_input,
                fmt::format("{}: not a request; write its number, such as 9 or '#9', or its id, such as "
                            "req_01JD0000000000000000000000",
                            visible(text)));
}

}  // namespace countersign::cli
