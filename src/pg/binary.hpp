#pragma once
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <pqxx/binarystring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/core/ids.hpp"
#include "countersign/core/time.hpp"

// Parameters of prepared statements in PostgreSQL's binary form, so that nothing is written as text, quoted,
// and parsed again on the other side.
namespace countersign::pg {

using Parameters = std::vector<pqxx::binarystring>;

// Of the element type, as in PostgreSQL's pg_type.dat.
enum class Oid : std::uint32_t { bytea = 17, int4 = 23, text = 25, timestamptz = 1184, uuid = 2950 };

// One array parameter, element by element, in the form array_recv() reads (PostgreSQL's arrayfuncs.c).
class Column {
  public:
    explicit Column(Oid element) : element_(element) {}

    template <class Kind>
    void add(const core::Minted<Kind>& id) {
        add(std::span<const std::byte>(id.bytes()));
    }
    void add(std::int32_t number) { fixed(static_cast<std::uint32_t>(number)); }
    // Microseconds since 2000-01-01T00:00:00Z.
    void add(core::Instant at) {
        constexpr core::Instant epoch = std::chrono::sys_days{std::chrono::year{2000} / 1 / 1};
        fixed(static_cast<std::uint64_t>((at - epoch).count()));
    }
    void add(std::span<const std::byte> bytes) {
        length(bytes.size());
        body_.append(std::bit_cast<const char*>(bytes.data()), bytes.size());
    }
    // A NUL cannot be stored as text: it is left out.
    void add(std::string_view text) {
        std::size_t nuls = static_cast<std::size_t>(std::ranges::count(text, '\0'));
        length(text.size() - nuls);
        if (nuls == 0) {
            body_ += text;
            return;
        }
        std::ranges::copy_if(text, std::back_inserter(body_), [](char c) { return c != '\0'; });
    }
    void null() {
        number_to(body_, std::uint32_t{0xFFFF'FFFF});
        has_null_ = true;
        ++size_;
    }

    pqxx::binarystring finished() const {
        std::string out;
        out.reserve(20 + body_.size());
        number_to(out, std::uint32_t{size_ == 0 ? 0U : 1U});  // dimensions
        number_to(out, std::uint32_t{has_null_ ? 1U : 0U});
        number_to(out, static_cast<std::uint32_t>(element_));
        if (size_ > 0) {
            number_to(out, size_);
            number_to(out, std::uint32_t{1});  // the first index
        }
        out += body_;
        return pqxx::binarystring(out);
    }

  private:
    template <class Number>
    static void number_to(std::string& out, Number number) {
        for (std::size_t shift = 8 * sizeof number; shift > 0; shift -= 8)
            out += static_cast<char>(number >> (shift - 8) & 0xFF);
    }
    void length(std::size_t bytes) {
        number_to(body_, static_cast<std::uint32_t>(bytes));
        ++size_;
    }
    template <class Number>
    void fixed(Number number) {
        length(sizeof number);
        number_to(body_, number);
    }

    Oid element_;
    std::uint32_t size_ = 0;
    bool has_null_ = false;
    std::string body_;
};

template <class... Columns>
Parameters parameters(const Columns&... columns) {
    Parameters all;
    all.reserve(sizeof...(columns));
    (all.push_back(columns.finished()), ...);
    return all;
}

}  // namespace countersign::pg
