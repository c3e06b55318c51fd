#!/usr/bin/perl
# Shows one picture on a loopback camera, ten times a second, until it is killed.
#
# usage: show-frame.pl DEVICE WIDTH HEIGHT FILE      FILE has WIDTH x HEIGHT pixels as YUYV, 2 bytes each
#
# v4l2-ctl can't do it: it takes a device that can record and play for one to record from.
# No modules, which the image has none of.
my ($device, $width, $height, $file) = @ARGV;
my $size = $width * $height * 2;
# O_RDWR
sysopen(my $camera, $device, 2) or die "$device: $!\n";
open(my $picture, '<:raw', $file) or die "$file: $!\n";
read($picture, my $frame, $size) == $size or die "$file has not $size bytes\n";
# VIDIOC_S_FMT with a struct v4l2_format of 208 bytes: V4L2_BUF_TYPE_VIDEO_OUTPUT, V4L2_FIELD_NONE.
my ($s_fmt, $output, $no_field) = (0xc0d05605, 2, 1);
my $format = pack('L x4 L2 a4 L3 x176', $output, $width, $height, 'YUYV', $no_field, $width * 2, $size);
ioctl($camera, $s_fmt, $format) or die "$device: VIDIOC_S_FMT: $!\n";
while (1) {
  syswrite($camera, $frame) == $size or die "$device: write: $!\n";
  select(undef, undef, undef, 0.1);
}
