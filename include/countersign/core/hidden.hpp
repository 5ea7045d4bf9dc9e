#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/base/result.hpp"
#include "countersign/core/request.hpp"

// A request can hide values. A commitment stands in the place of each: whoever knows the salt and the value
// can check that it is the one, and nobody can guess it without the salt.
namespace countersign::core {

inline constexpr std::size_t hidden_max = 50;                 // hidden values of one request
inline constexpr std::string_view commit_member = "$commit";  // no request may have a member of that name

// Makes {"$commit": hex(SHA-256(salt ‖ pointer ‖ 0x00 ‖ RFC 8785 form))}. `pointer` starts at the request, as
// it was written ("/parameters/password").
Value commitment(std::string_view salt, std::string_view pointer, const Value& value);
inline constexpr std::string_view hidden_text = "\u2022\u2022\u2022\u2022";  // shown to people instead
// Says whether the value is a commitment; no other value looks like one.
bool is_commitment(const Value& value);

// Replaces the values at these pointers by commitments and works out the digest anew. Fails with
// invalid_input and a pointer into `sensitive` (/sensitive/0), where one does not lead to a parameter, or two
// lead to the same or into one another.
Result<Done> hide(Request& request, const std::vector<std::string>& pointers, std::string_view salt);

// Returns pointers to the hidden values of a request, in the order of its members.
std::vector<std::string> hidden_in(const Request& request);

}  // namespace countersign::core
