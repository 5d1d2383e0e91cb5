"""A reader of Restante archives, written from spec/FORMAT.md alone.

    errors   the three ways in which an archive is refused
    codec    section 1: the compact encoding
    objects  sections 5, 7, 8, 9: ids, chunk lists, trees, snapshots
    segment  section 4: segments
    archive  sections 2, 3: the folder and its config; finding and reading objects
    walk     sections 7, 8: from objects to directories and file contents
    verify   everything that can be checked without restoring
    restore  writing a snapshot to a folder (F-110)
    cut      section 6: where files are cut (readers do not need it)
"""
