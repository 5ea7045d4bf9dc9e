#include "cli/zip.hpp"

#include <array>
#include <cstdint>
#include <string_view>

namespace countersign::cli {
namespace {

constexpr std::array<std::uint32_t, 256> crc_table = [] {
    constexpr std::uint32_t reversed_polynomial = 0xEDB88320U;
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < table.size(); ++i) {
        std::uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit)
            value = value & 1U ? (value >> 1U) ^ reversed_polynomial : value >> 1U;
        table[i] = value;
    }
    return table;
}();

std::uint32_t crc32(std::string_view bytes) {
    std::uint32_t crc = 0xFFFFFFFFU;
    for (char c : bytes) crc = (crc >> 8U) ^ crc_table[(crc ^ static_cast<unsigned char>(c)) & 0xFFU];
    return ~crc;
}

void put(std::string& to, std::uint32_t number, int bytes) {
    for (int i = 0; i < bytes; ++i) to += static_cast<char>((number >> (8 * i)) & 0xFFU);
}

// What the local header and the directory say alike: version, flags, method, time, date, checksum, sizes,
// lengths.
void put_facts(std::string& to, const ZipFile& file) {
    constexpr std::uint32_t version = 20;
    constexpr std::uint32_t first_day = 0x0021;  // 1980-01-01, as no clock is asked
    put(to, version, 2);
    put(to, 0, 2);
    put(to, 0, 2);
    put(to, 0, 2);
    put(to, first_day, 2);
    put(to, crc32(file.bytes), 4);
    put(to, static_cast<std::uint32_t>(file.bytes.size()), 4);
    put(to, static_cast<std::uint32_t>(file.bytes.size()), 4);
    put(to, static_cast<std::uint32_t>(file.name.size()), 2);
    put(to, 0, 2);
}

}  // namespace

std::string zip_of(const std::vector<ZipFile>& files) {
    std::string archive;
    std::string directory;
    for (const ZipFile& file : files) {
        const auto offset = static_cast<std::uint32_t>(archive.size());
        archive += "PK\x03\x04";
        put_facts(archive, file);
        archive += file.name + file.bytes;
        directory += "PK\x01\x02";
        put(directory, 20, 2);
        put_facts(directory, file);
        put(directory, 0, 2);  // no comment
        put(directory, 0, 2);  // the first disk
        put(directory, 0, 2);
        put(directory, 0, 4);
        put(directory, offset, 4);
        directory += file.name;
    }
    const auto count = static_cast<std::uint32_t>(files.size());
    const auto at = static_cast<std::uint32_t>(archive.size());
    archive += directory;
    archive += "PK\x05\x06";
    put(archive, 0, 4);
    put(archive, count, 2);
    put(archive, count, 2);
    put(archive, static_cast<std::uint32_t>(directory.size()), 4);
    put(archive, at, 4);
    put(archive, 0, 2);
    return archive;
}

}  // namespace countersign::cli
