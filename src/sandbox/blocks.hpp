#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/core/value.hpp"

// Block Kit is judged as Slack judges it, by shapes and lengths. Lengths are UTF-16 units of the text as
// sent.
namespace countersign::sandbox {

inline constexpr std::size_t message_blocks_max = 50;
inline constexpr std::size_t view_blocks_max = 100;
inline constexpr std::size_t view_bytes_max = 250'000;
// Slack documents no such limit; refusals were seen from 11 341 units on.
inline constexpr std::size_t message_text_units_max = 11'300;

enum class Surface : std::uint8_t { message, modal, home };

struct Complaint {
    std::string what;
    std::string pointer;
};
using Complaints = std::vector<Complaint>;

Complaints check_blocks(const core::Value& blocks, Surface surface, std::string_view at = "/blocks");
Complaints check_view(const core::Value& view, Surface surface);
std::size_t text_units(const core::Value& blocks);

// Gives every block without a block_id one that `mint` makes.
template <class Mint>
void name_blocks(core::Value& blocks, Mint mint) {
    auto* items = blocks.items();
    if (!items) return;
    for (auto& block : *items)
        if (block["block_id"].text().empty()) block.set("block_id", mint());
}

// Points to an interactive element and the block it stands in, or to nothing.
struct FoundElement {
    const core::Value* block = nullptr;
    const core::Value* element = nullptr;
};
FoundElement find_element(const core::Value& blocks, std::string_view action_id,
                          std::string_view block_id = {});

}  // namespace countersign::sandbox
