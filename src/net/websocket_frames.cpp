#include "net/websocket_frames.hpp"

#include <cstring>

namespace countersign::net {
namespace {

void append_number(std::string& out, std::uint64_t number, int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
        out.push_back(static_cast<char>(number >> shift & 0xFF));
}

std::uint64_t number_at(std::string_view bytes, std::size_t at, std::size_t count) {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < count; ++i) number = number << 8 | static_cast<unsigned char>(bytes[at + i]);
    return number;
}

bool is_control(std::uint8_t opcode) {
    return (opcode & 8) != 0;
}

}  // namespace

void unmask(char* bytes, std::size_t count, std::uint32_t mask, std::uint64_t position) {
    char key[8];
    for (std::uint64_t i = 0; i < 8; ++i)
        key[i] = static_cast<char>(mask >> (24 - 8 * ((position + i) & 3)) & 0xFF);
    std::uint64_t wide_key = 0;
    std::memcpy(&wide_key, key, sizeof wide_key);
    std::size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes + i, sizeof word);
        word ^= wide_key;
        std::memcpy(bytes + i, &word, sizeof word);
    }
    for (std::size_t k = 0; i < count; ++i, ++k) bytes[i] = static_cast<char>(bytes[i] ^ key[k]);
}

void append_frame(std::string& out, Opcode opcode, std::string_view payload,
                  std::optional<std::uint32_t> mask) {
    out.push_back(static_cast<char>(0x80 | static_cast<std::uint8_t>(opcode)));
    std::uint8_t mask_bit = mask ? 0x80 : 0;
    if (payload.size() < 126) {
        out.push_back(static_cast<char>(mask_bit | payload.size()));
    } else if (payload.size() <= 0xFFFF) {
        out.push_back(static_cast<char>(mask_bit | 126));
        append_number(out, payload.size(), 2);
    } else {
        out.push_back(static_cast<char>(mask_bit | 127));
        append_number(out, payload.size(), 8);
    }
    if (mask) append_number(out, *mask, 4);
    std::size_t start = out.size();
    out += payload;
    if (mask) unmask(out.data() + start, payload.size(), *mask, 0);
}

std::expected<std::optional<ParsedHead>, Violation> parse_frame_head(std::string_view bytes, bool masked) {
    auto violation = [](std::string_view why) {
        return std::unexpected(Violation{close_code::protocol_error, why});
    };
    if (bytes.size() < 2) return std::nullopt;
    auto first = static_cast<unsigned char>(bytes[0]);
    auto second = static_cast<unsigned char>(bytes[1]);
    ParsedHead head;
    head.final = (first & 0x80) != 0;
    if ((first & 0x70) != 0) return violation("reserved bits are set");
    std::uint8_t opcode = first & 0x0F;
    if (opcode > 10 || (opcode > 2 && opcode < 8)) return violation("unknown opcode");
    head.opcode = static_cast<Opcode>(opcode);
    if (((second & 0x80) != 0) != masked)
        return violation(masked ? "a client's frame is not masked" : "a server's frame is masked");
    std::uint64_t length = second & 0x7F;
    if (is_control(opcode) && (!head.final || length > 125))
        return violation("a control frame is too long or in pieces");
    std::size_t length_bytes = length == 126 ? 2 : length == 127 ? 8 : 0;
    head.head_bytes = 2 + length_bytes + (masked ? 4 : 0);
    if (bytes.size() < head.head_bytes) return std::nullopt;
    if (length_bytes > 0) length = number_at(bytes, 2, length_bytes);
    if ((length_bytes == 2 && length < 126) || (length_bytes == 8 && (length <= 0xFFFF || length >> 63 != 0)))
        return violation("a frame's length is not written the short way");
    head.payload_bytes = length;
    if (masked) head.mask = static_cast<std::uint32_t>(number_at(bytes, 2 + length_bytes, 4));
    return head;
}

bool may_be_sent(std::uint16_t code) {
    if (code >= 3000 && code <= 4999) return true;
    return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

}  // namespace countersign::net
