-- Pieces of files are read and written as they are: to compress one while somebody exports took longer than to write it down.
alter table job_pieces alter column content set storage external;
