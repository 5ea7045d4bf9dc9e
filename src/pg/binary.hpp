#pragma once
#include <algorithm>
#include <array>
#include <bit>
#include <boost/endian/conversion.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <optional>
#include <pqxx/binarystring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/base/check.hpp"
#include "countersign/core/ids.hpp"
#include "countersign/core/time.hpp"

// Parameters of prepared statements in PostgreSQL's binary form, so that nothing is written as text, quoted,
// and parsed again on the other side.
namespace countersign::pg {

using Parameters = std::vector<pqxx::binarystring>;

// The numbers by which PostgreSQL knows types of elements (pg_type.dat).
enum class Oid : std::uint32_t {
    boolean = 16,
    bytea = 17,
    int8 = 20,
    int4 = 23,
    text = 25,
    timestamptz = 1184,
    uuid = 2950
};

// One array parameter, element by element, in the form array_recv() reads (PostgreSQL's arrayfuncs.c).
class Column {
  public:
    explicit Column(Oid element) {
        constexpr std::size_t usual_bytes = 128;
        form_.reserve(usual_bytes);
        for (std::uint32_t number : {0U, 0U, static_cast<std::uint32_t>(element), 0U, 1U}) append(number);
    }

    template <class Kind>
    void add(const core::Minted<Kind>& id) {
        add(std::span<const std::byte>(id.bytes()));
    }
    void add(std::int32_t number) { fixed(number); }
    void add(std::int64_t number) { fixed(number); }
    void add(bool truth) { fixed(static_cast<std::uint8_t>(truth ? 1 : 0)); }
    template <class Value>
    void add(const std::optional<Value>& value) {
        if (value)
            add(*value);
        else
            null();
    }
    template <std::size_t size>
    void add(const std::array<std::byte, size>& bytes) {
        add(std::span<const std::byte>(bytes));
    }
    // Microseconds since 2000-01-01T00:00:00Z.
    void add(core::Instant at) {
        constexpr core::Instant epoch = std::chrono::sys_days{std::chrono::year{2000} / 1 / 1};
        fixed(std::int64_t{(at - epoch).count()});
    }
    void add(std::span<const std::byte> bytes) {
        begin_element(static_cast<std::uint32_t>(bytes.size()));
        form_.append(std::bit_cast<const char*>(bytes.data()), bytes.size());
    }
    // A NUL cannot be stored as text: it is left out.
    void add(std::string_view text) {
        if (text.find('\0') == std::string_view::npos) {
            begin_element(static_cast<std::uint32_t>(text.size()));
            form_ += text;
            return;
        }
        auto nuls = static_cast<std::size_t>(std::ranges::count(text, '\0'));
        begin_element(static_cast<std::uint32_t>(text.size() - nuls));
        std::ranges::copy_if(text, std::back_inserter(form_), [](char c) { return c != '\0'; });
    }
    void null() {
        constexpr std::uint32_t no_value = 0xFFFF'FFFF;
        begin_element(no_value);
        put(has_nulls_at, 1U);
    }

    pqxx::binarystring finished() const {
        // Without elements there is no dimension, and neither its size nor its first index.
        return {form_.data(), size_ == 0 ? size_at : form_.size()};
    }

    // The one element, as a parameter that is no array.
    pqxx::binarystring only() const {
        COUNTERSIGN_CHECK(size_ == 1 && form_.size() >= first_at);
        return {form_.data() + first_at, form_.size() - first_at};
    }

  private:
    // What the form begins with, in numbers of 32 bits: how many dimensions, whether there are nulls, the
    // elements' type, the one dimension's size, its first index.
    static constexpr std::size_t dimensions_at = 0;
    static constexpr std::size_t has_nulls_at = 4;
    static constexpr std::size_t size_at = 12;
    static constexpr std::size_t first_at = 24;  // after all these and the first element's own size

    void begin_element(std::uint32_t bytes) {
        if (size_ == 0) put(dimensions_at, 1U);
        put(size_at, ++size_);
        append(bytes);
    }
    template <class Number>
    void fixed(Number number) {
        begin_element(sizeof number);
        append(number);
    }
    template <class Number>
    void append(Number number) {
        boost::endian::native_to_big_inplace(number);
        form_.append(std::bit_cast<std::array<char, sizeof number>>(number).data(), sizeof number);
    }
    void put(std::size_t at, std::uint32_t number) {
        boost::endian::native_to_big_inplace(number);
        std::memcpy(form_.data() + at, &number, sizeof number);
    }

    std::uint32_t size_ = 0;
    std::string form_;
};

template <class... Columns>
Parameters parameters(const Columns&... columns) {
    Parameters all;
    all.reserve(sizeof...(columns));
    (all.push_back(columns.finished()), ...);
    return all;
}

}  // namespace countersign::pg
