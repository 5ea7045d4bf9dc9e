#pragma once
#include <string_view>

#include "countersign/core/value.hpp"

namespace countersign::sandbox {

// Makes `state.values` of a view or message: every stateful element with what the person put in. `given` is
// {block_id: {action_id: value}} or, shorter, {block_id or action_id: value}; a value is a text, a number or
// a list of texts.
core::Value state_values(const core::Value& blocks, const core::Value& given);

// Returns what Slack's own client refuses before it submits: {block_id: text}, empty when all is well.
core::Value input_problems(const core::Value& blocks, const core::Value& values);

}  // namespace countersign::sandbox
