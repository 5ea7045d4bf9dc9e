# Adds what only Debian's package has. Run by cpack, with DESTDIR the folder that becomes the package's root.
file(INSTALL ${CPACK_COUNTERSIGN_DEBIAN}/default DESTINATION /etc/default RENAME countersign)
file(INSTALL ${CPACK_COUNTERSIGN_DEBIAN}/copyright ${CPACK_COUNTERSIGN_PAGES}/changelog.gz
  DESTINATION /usr/share/doc/countersign)
