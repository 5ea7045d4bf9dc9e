#include "countersign/core/hidden.hpp"

#include <fmt/core.h>

#include <utility>

#include "countersign/base/crypto.hpp"

namespace countersign::core {
namespace {

constexpr std::string_view parameters_root = "/parameters";

std::unexpected<Failure> wrong(std::size_t index, std::string detail, const char* code) {
    return fail(Trouble::invalid_input, std::move(detail), code, fmt::format("/sensitive/{}", index));
}

// Says whether one pointer leads to what the other leads to, or to a part of it.
bool within(std::string_view inner, std::string_view outer) {
    return inner.starts_with(outer) && (inner.size() == outer.size() || inner[outer.size()] == '/');
}

// Returns nullptr where the pointer leads to no parameter.
Value* parameter_at(Request& request, std::string_view pointer) {
    if (!request.parameters || !pointer.starts_with("/parameters/")) return nullptr;
    // The request may be changed here; only at_pointer is const.
    return const_cast<Value*>(request.parameters->at_pointer(pointer.substr(parameters_root.size())));
}

// The depth is bounded by nesting_max.
void collect(std::vector<std::string>& found, const std::string& at, const Value& value) {
    if (is_commitment(value)) {
        found.push_back(at);
    } else if (const Value::Object* members = value.members()) {
        for (const auto& [name, member] : *members) collect(found, at + "/" + pointer_token(name), member);
    } else if (const Value::Array* items = value.items()) {
        for (std::size_t i = 0; i < items->size(); ++i)
            collect(found, fmt::format("{}/{}", at, i), (*items)[i]);
    }
}

}  // namespace

Value commitment(std::string_view salt, std::string_view pointer, const Value& value) {
    std::string bytes{salt};
    bytes += pointer;
    bytes += '\0';
    canonical_to(bytes, value);
    return Value::object({{std::string{commit_member}, sha256_hex(bytes)}});
}

bool is_commitment(const Value& value) {
    const Value::Object* members = value.members();
    return members != nullptr && members->size() == 1 && members->find(commit_member) != nullptr;
}

Result<Done> hide(Request& request, const std::vector<std::string>& pointers, std::string_view salt) {
    for (std::size_t i = 0; i < pointers.size(); ++i) {
        if (parameter_at(request, pointers[i]) == nullptr)
            return wrong(
                i, "this pointer leads to no parameter of the request; write it like /parameters/password",
                "sensitive_not_found");
        for (std::size_t j = 0; j < i; ++j)
            if (within(pointers[i], pointers[j]) || within(pointers[j], pointers[i]))
                return wrong(
                    i, "this value is hidden by another pointer already, wholly or in part; name it once",
                    "sensitive_overlap");
    }
    for (const std::string& pointer : pointers) {
        Value& value = *parameter_at(request, pointer);
        value = commitment(salt, pointer, value);
    }
    request.digest = digest_of(request);
    return Done{};
}

std::vector<std::string> hidden_in(const Request& request) {
    std::vector<std::string> found;
    if (request.parameters) collect(found, std::string{parameters_root}, *request.parameters);
    return found;
}

}  // namespace countersign::core
