#include "http_text.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>

namespace bench {
namespace {

constexpr std::size_t message_bytes_max = 4 * 1024 * 1024;

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool same_name(std::string_view written, std::string_view lower_name) {
    if (written.size() != lower_name.size()) return false;
    for (std::size_t i = 0; i < written.size(); ++i)
        if (lower(written[i]) != lower_name[i]) return false;
    return true;
}

Parsed parse_chunks(std::string_view buffer, std::size_t at, std::string& scratch, HttpMessage& out) {
    scratch.clear();
    while (true) {
        auto end = buffer.find("\r\n", at);
        if (end == std::string_view::npos) return Parsed::partial;
        std::size_t size = 0;
        auto [stop, error] = std::from_chars(buffer.data() + at, buffer.data() + end, size, 16);
        if (error != std::errc{} || size > message_bytes_max) return Parsed::broken;
        at = end + 2;
        if (buffer.size() < at + size + 2) return Parsed::partial;
        scratch.append(buffer.substr(at, size));
        at += size + 2;
        if (size == 0) break;
    }
    out.body = scratch;
    out.bytes = at;
    return Parsed::whole;
}

int hex(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 0;
}

// Returns where the field's value begins, or npos.
std::size_t find_field(std::string_view body, std::string_view name) {
    for (std::size_t at = 0; at < body.size();) {
        if (body.substr(at).starts_with(name) && body.size() > at + name.size() &&
            body[at + name.size()] == '=')
            return at + name.size() + 1;
        at = body.find('&', at);
        if (at == std::string_view::npos) break;
        ++at;
    }
    return std::string_view::npos;
}

// SHA-1 is here for the WebSocket handshake alone, which asks for it by name.
std::string sha1(std::string text) {
    std::array<std::uint32_t, 5> state{0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    auto bits = static_cast<std::uint64_t>(text.size()) * 8;
    text += '\x80';
    text.append((120 - text.size() % 64) % 64, '\0');
    for (unsigned shift = 64; shift > 0; shift -= 8) text += static_cast<char>(bits >> (shift - 8) & 0xFFU);
    for (std::size_t block = 0; block < text.size(); block += 64) {
        std::array<std::uint32_t, 80> w{};
        for (std::size_t i = 0; i < 64; ++i)
            w[i / 4] = w[i / 4] << 8U | static_cast<std::uint8_t>(text[block + i]);
        for (std::size_t i = 16; i < 80; ++i)
            w[i] = std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
        auto [a, b, c, d, e] = state;
        for (std::size_t i = 0; i < 80; ++i) {
            auto mixed = i < 20   ? ((b & c) | (~b & d)) + 0x5A827999U
                         : i < 40 ? (b ^ c ^ d) + 0x6ED9EBA1U
                         : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8F1BBCDCU
                                  : (b ^ c ^ d) + 0xCA62C1D6U;
            auto next = std::rotl(a, 5) + mixed + e + w[i];
            e = d;
            d = c;
            c = std::rotl(b, 30);
            b = a;
            a = next;
        }
        state = {state[0] + a, state[1] + b, state[2] + c, state[3] + d, state[4] + e};
    }
    std::string digest;
    for (auto word : state)
        for (unsigned shift = 32; shift > 0; shift -= 8)
            digest += static_cast<char>(word >> (shift - 8) & 0xFFU);
    return digest;
}

std::string base64(std::string_view bytes) {
    constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        auto left = std::min<std::size_t>(bytes.size() - at, 3);
        std::uint32_t three = 0;
        for (std::size_t i = 0; i < 3; ++i)
            three = three << 8U | (i < left ? static_cast<std::uint8_t>(bytes[at + i]) : 0U);
        for (std::size_t i = 0; i < 4; ++i) out += i <= left ? letters[three >> (18 - 6 * i) & 63U] : '=';
    }
    return out;
}

}  // namespace

int HttpMessage::status() const {
    int code = 0;
    if (start_line.size() >= 12) std::from_chars(start_line.data() + 9, start_line.data() + 12, code);
    return code;
}

std::string_view HttpMessage::target() const {
    auto begin = start_line.find(' ');
    if (begin == std::string_view::npos) return {};
    auto end = start_line.find(' ', begin + 1);
    return start_line.substr(begin + 1, end - begin - 1);
}

Parsed parse_message(std::string_view buffer, std::string& scratch, HttpMessage& out) {
    auto end = buffer.find("\r\n\r\n");
    if (end == std::string_view::npos)
        return buffer.size() > message_bytes_max ? Parsed::broken : Parsed::partial;
    auto line_end = buffer.find("\r\n");
    out.start_line = buffer.substr(0, line_end);
    out.head = buffer.substr(line_end + 2, end + 2 - (line_end + 2));
    auto body_at = end + 4;
    auto length = header(out.head, "content-length");
    if (length.empty()) {
        if (header(out.head, "transfer-encoding") == "chunked")
            return parse_chunks(buffer, body_at, scratch, out);
        out.body = {};
        out.bytes = body_at;
        return Parsed::whole;
    }
    std::size_t size = 0;
    auto [stop, error] = std::from_chars(length.data(), length.data() + length.size(), size);
    if (error != std::errc{} || size > message_bytes_max) return Parsed::broken;
    if (buffer.size() < body_at + size) return Parsed::partial;
    out.body = buffer.substr(body_at, size);
    out.bytes = body_at + size;
    return Parsed::whole;
}

std::string_view header(std::string_view head, std::string_view lower_name) {
    while (!head.empty()) {
        auto end = head.find("\r\n");
        auto line = head.substr(0, end);
        auto colon = line.find(':');
        if (colon != std::string_view::npos && same_name(line.substr(0, colon), lower_name)) {
            auto value = line.substr(colon + 1);
            while (value.starts_with(' ')) value.remove_prefix(1);
            while (value.ends_with(' ')) value.remove_suffix(1);
            return value;
        }
        if (end == std::string_view::npos) break;
        head.remove_prefix(end + 2);
    }
    return {};
}

bool has_form_field(std::string_view body, std::string_view name) {
    return find_field(body, name) != std::string_view::npos;
}

std::string form_field(std::string_view body, std::string_view name) {
    std::string out;
    auto at = find_field(body, name);
    if (at == std::string_view::npos) return out;
    for (; at < body.size() && body[at] != '&'; ++at) {
        if (body[at] == '%' && at + 2 < body.size()) {
            out += static_cast<char>(hex(body[at + 1]) * 16 + hex(body[at + 2]));
            at += 2;
        } else {
            out += body[at] == '+' ? ' ' : body[at];
        }
    }
    return out;
}

Parsed parse_frame(char* data, std::size_t size, Frame& out) {
    auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(data[i]); };
    if (size < 2) return Parsed::partial;
    if ((byte(0) & 0x80U) == 0 || (byte(0) & 0x70U) != 0) return Parsed::broken;
    out.opcode = static_cast<Opcode>(byte(0) & 0x0FU);
    bool masked = (byte(1) & 0x80U) != 0;
    std::size_t length = byte(1) & 0x7FU;
    std::size_t at = 2;
    if (length >= 126) {
        std::size_t wide = length == 126 ? 2 : 8;
        if (size < at + wide) return Parsed::partial;
        length = 0;
        for (std::size_t i = 0; i < wide; ++i) length = length << 8U | byte(at + i);
        at += wide;
        if (length > message_bytes_max) return Parsed::broken;
    }
    std::array<char, 4> mask{};
    if (masked) {
        if (size < at + 4) return Parsed::partial;
        for (std::size_t i = 0; i < 4; ++i) mask[i] = data[at + i];
        at += 4;
    }
    if (size < at + length) return Parsed::partial;
    if (masked)
        for (std::size_t i = 0; i < length; ++i)
            data[at + i] = static_cast<char>(data[at + i] ^ mask[i & 3U]);
    out.payload = {data + at, length};
    out.bytes = at + length;
    return Parsed::whole;
}

void write_frame(std::string& out, Opcode opcode, std::string_view payload, bool masked) {
    auto put = [&](std::size_t byte) { out += static_cast<char>(byte & 0xFFU); };
    std::size_t mask_bit = masked ? 0x80U : 0U;
    put(0x80U | static_cast<std::size_t>(opcode));
    if (payload.size() < 126) {
        put(mask_bit | payload.size());
    } else {
        bool wide = payload.size() > 0xFFFF;
        put(mask_bit | (wide ? 127U : 126U));
        for (int shift = wide ? 56 : 8; shift >= 0; shift -= 8)
            put(payload.size() >> static_cast<unsigned>(shift));
    }
    // A mask of zeros is a legal mask, and leaves the payload as it is.
    if (masked) out.append(4, '\0');
    out.append(payload);
}

std::string websocket_accept(std::string_view key) {
    return base64(sha1(std::string{key} + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
}

}  // namespace bench
