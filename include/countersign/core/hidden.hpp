#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/base/result.hpp"
#include "countersign/core/request.hpp"

// Values that a request keeps to itself. What stands in their place commits to them: whoever knows the salt
// and the value can check that it is the one, and nobody can guess it without the salt.
namespace countersign::core {

inline constexpr std::size_t hidden_max = 50;                 // values of one request
inline constexpr std::string_view commit_member = "$commit";  // no request may have a member of that name

// {"$commit": hex(SHA-256(salt ‖ pointer ‖ 0x00 ‖ RFC 8785 form))}. `pointer`: from the request, as it was
// written ("/parameters/password").
Value commitment(std::string_view salt, std::string_view pointer, const Value& value);
inline constexpr std::string_view hidden_text = "\u2022\u2022\u2022\u2022";  // what people are shown instead
// Whether this is one; then it is nothing else.
bool is_commitment(const Value& value);

// Puts commitments in place of the values at these pointers and works out the digest anew. invalid_input,
// with a pointer into `sensitive` (/sensitive/0), where one does not lead to a parameter, or two lead to the
// same or into one another.
Result<Done> hide(Request& request, const std::vector<std::string>& pointers, std::string_view salt);

// Where a request's values are hidden, in the order of its members.
std::vector<std::string> hidden_in(const Request& request);

}  // namespace countersign::core
