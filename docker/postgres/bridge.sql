CREATE DATABASE idp_bridge;
